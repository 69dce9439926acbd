import {resolve} from 'node:path';
import {
  type GivenDescriptors,
  MountError,
  type MountRequest,
  type MountResult,
  mount,
  rehearse,
  welcomeFor,
} from '../../helper/index.js';
import type {EarlyServer} from '../../launch/early-server.js';
import type {HeldServer} from '../../launch/held-server.js';
import {launchContained} from '../../launch/index.js';
import {CONTROL_DIRECTORY} from '../../launch/mount-record.js';
import {UNNAMED} from '../../launch/own-types.js';
import {sweepRecords} from '../../launch/record-sweep.js';
import {type Decision, loadPolicy, type Policy, type ServerPolicy, wayOf} from '../../policy/index.js';
import {sayHello} from '../../service/helper-conversation.js';
import type {Log} from '../../service/log.js';
import {closeAll} from '../../sys/fd.js';
import {print} from '../command.js';
import {announceDenial, announceMount, noteMount} from './aftermath.js';
import {serverTypeOf, startFor, takeBegun} from './begin.js';
import {connectByPolicy} from './connect.js';
import {checkContainment} from './containment-check.js';
import {type MountRules, mountRules, sourceText} from './mount-rules.js';
import {inItsWords} from './own-words.js';
import {policyFiles} from './policy-place.js';

/** A mount as somebody asks for it. */
export interface MountOrder {
  /** Image file or block device; a relative path is seen from the working directory. */
  readonly source: string;
  readonly target: string;
  /** `ext4`, `fuse.ext4`; undefined: the contained server finds out. */
  readonly type: string | undefined;
  /** The argument of each `-o`. */
  readonly options: readonly string[];
  /** Directory of policy files; the usual one where it is undefined. */
  readonly policyDirectory: string | undefined;
  /** File with the policy that a manager holds, in place of the directory's. */
  readonly heldPolicy?: string | undefined;
  /** Who asks. */
  readonly callerUid: number;
  readonly callerGid: number;
  /** Supplementary groups of who asks. */
  readonly callerGroups: readonly number[];
  /** What the caller opened himself, ours to close; `source` and `target` are then names for it. */
  readonly given?: GivenDescriptors;
  /** Tells the manager of the mount, or that policy denied it. */
  readonly announce: boolean;
  /** Only a server behind a service socket will do, none of our own. */
  readonly socketOnly?: boolean | undefined;
  readonly log?: Log | undefined;
  /** A manager wants it: prints a line about its server as soon as that serves. */
  readonly forManager?: boolean | undefined;
  /** A server that waits, for a mount that would start the same. */
  readonly ready?: HeldServer | undefined;
}

/**
 * Mounts as policy allows: reads the policy of the type, runs the mount helper, which keeps the record, tells the manager. The one way by
 * which every command mounts. Needs root.
 * @throws MountError with everything undone; PolicyError when a policy file can't be used
 */
export async function performMount(order: MountOrder): Promise<MountResult> {
  try {
    const result = await mountFound(order);
    if (order.forManager !== true) sweepOthers();
    if (order.announce) announceMount(result, order);
    return result;
  } catch (error) {
    if (order.announce) announceDenial(error, order);
    throw error;
  }
}

/** Takes away what earlier mounts left, since where no manager runs nobody else does. One that runs does so itself. */
function sweepOthers(): void {
  try {
    sweepRecords();
  } catch {
    // The mount works all the same, and the next sweep tries again.
  }
}

/**
 * Looks whether `performMount` would get as far as to a server, and changes nothing. @throws as `performMount`
 * @returns what policy decided
 */
export async function rehearseMount(order: MountOrder): Promise<Decision> {
  const {request, rules} = prepared(order);
  return await rehearse(request, {policy: rules.policy, decide: rules.decide});
}

/** A mount as the helper takes it, and the rules for it. */
interface PreparedMount {
  readonly request: MountRequest;
  readonly rules: MountRules;
}

/** @throws PolicyError, MountError `bad-type` */
function prepared(order: MountOrder): PreparedMount {
  const {target, options, callerUid, callerGid, callerGroups, given} = order;
  const type = order.type === UNNAMED ? undefined : order.type;
  const rules = mountRules({...order, type}, policyFiles(order));
  const {policy} = rules;
  // What somebody opened has a path, whatever he calls it.
  const source = given === undefined ? sourceText(order.source, policy) : resolve(order.source);
  return {
    request: {
      ...{source, target, type, options: [...options], callerUid, callerGid, callerGroups},
      ...(given === undefined ? {} : {given}),
    },
    rules,
  };
}

/**
 * Mounts; where nobody named a type and our own server found one that it has no driver for but policy has a command, once more as that type: by its rules and
 * its settings, as if it had been named, whatever the source holds by then.
 */
async function mountFound(order: MountOrder): Promise<MountResult> {
  if (order.type !== undefined && order.type !== UNNAMED) return await mountByPolicy(order);
  const {given} = order;
  // The first attempt closes what it was given.
  using again = given === undefined ? undefined : duplicates(given);
  try {
    return await mountByPolicy(order);
  } catch (error) {
    const type = error instanceof MountError ? error.details['detected'] : undefined;
    if (typeof type !== 'string') throw error;
    if (!hasCommand(type, order)) throw withAdvice(error as MountError, type, order);
    return await mountByPolicy({...order, type, ...(again === undefined ? {} : {given: again.take()})});
  }
}

/** Archives, which nobody takes for file systems, and the type that serves them. */
const ARCHIVES: Readonly<Record<string, string>> = {gzip: 'archivemount', zip: 'fuse-zip'};

/** Names the type that policy has for an archive: as what to mount it is its caller's to say. */
function withAdvice(error: MountError, detected: string, order: MountOrder): MountError {
  const type = Object.hasOwn(ARCHIVES, detected) ? ARCHIVES[detected] : undefined;
  if (type !== undefined && hasCommand(type, order)) error.message += `; as an archive: -t ${type}`;
  return error;
}

function hasCommand(type: string, order: MountOrder): boolean {
  const {command, driver} = loadPolicy(type, policyFiles(order)).server;
  return command !== undefined && driver !== 'socket' && order.socketOnly !== true;
}

/** A second pair of a user's descriptors, closed unless taken. */
function duplicates({source, target}: GivenDescriptors): {
  take(): GivenDescriptors;
  [Symbol.dispose](): void;
} {
  const pair = {source: source.dup(), target: target.dup()};
  let taken = false;
  return {
    take() {
      taken = true;
      return pair;
    },
    [Symbol.dispose]() {
      if (!taken) closeAll([pair.source, pair.target]);
    },
  };
}

/** Mounts; where a server that had waited died on the way, once more with a fresh one, which is what a mount without a pool would have had. */
async function mountByPolicy(order: MountOrder): Promise<MountResult> {
  const {ready, given} = order;
  if (ready === undefined || ready.taken) return await mountOnce({...order, ready: undefined});
  using again = given === undefined ? undefined : duplicates(given);
  try {
    return await mountOnce(order);
  } catch (error) {
    const hasDied = error instanceof MountError && error.code === 'server-died';
    if (!(hasDied && ready.taken)) throw error;
    return await mountOnce({
      ...order,
      ready: undefined,
      ...(again === undefined ? {} : {given: again.take()}),
    });
  }
}

async function mountOnce(order: MountOrder): Promise<MountResult> {
  const {request, rules} = prepared(order);
  const {policy} = rules;
  const server = order.socketOnly === true ? {...policy.server, driver: 'socket' as const} : policy.server;
  const early = order.ready === undefined ? startEarly(order, request, server) : undefined;
  order.ready?.greet((socket) => sayHello(socket, welcomeFor(policy, order.callerUid)));
  try {
    return await mountWith(order, request, rules, {server, held: order.ready ?? early});
  } finally {
    await early?.abandon();
  }
}

/**
 * The server that this command began with (`beginMount`), else one that starts while the mount is still looked at, for root alone. `runApart`
 * has seen that this look can't hang.
 */
function startEarly(
  {given, callerUid}: MountOrder,
  {source, target, type}: MountRequest,
  server: ServerPolicy,
): EarlyServer | undefined {
  const begun = takeBegun();
  if (begun !== undefined) return begun;
  if (given !== undefined || callerUid !== 0) return undefined;
  return startFor({source, target}, serverTypeOf(type), server);
}

async function mountWith(
  order: MountOrder,
  request: MountRequest,
  {policy, decide, decideDetected}: MountRules,
  {server, held}: {server: ServerPolicy; held: HeldServer | undefined},
): Promise<MountResult> {
  const {callerUid, forManager = false, log} = order;
  const whole = (result: MountResult): MountResult =>
    result.foreign === true && hasNetwork(server) ? {...result, network: true} : result;
  const object = `${request.source} on ${request.target}`;
  const result = await inItsWords(policy, () =>
    mount(request, {
      policy: {...policy, iomap: iomapFor(policy)},
      decide,
      checkDetected: decideDetected,
      connect: (wanted, needs) => connectByPolicy(wanted, {policy, server, needs, object, held}),
      ...(server.observe ? {observe: () => launchContained('observe', [], server)} : {}),
      controlDirectory: CONTROL_DIRECTORY,
      checkServer: (process) => {
        const {required} = policy.containment;
        checkContainment(process, {required, object, callerUid, network: hasNetwork(server)});
      },
      ...(forManager ? {asking: tellManager, serving: tellManager} : {}),
      keepRecord: (mounted) => noteMount(whole(mounted), order),
      ...(log === undefined ? {} : {log}),
    }),
  );
  return whole(result);
}

/** A line about the server, of which a manager hears before the mount is there (`manager/server-meetings.ts`). */
function tellManager(server: object): void {
  print(JSON.stringify({server}));
}

/** Programs of others don't know iomap, and a mount with it would be read-only for their sake. */
function iomapFor({iomap, server: {command, way}}: Policy): Policy['iomap'] {
  const isForeign = command !== undefined && wayOf(command, way) !== 'service';
  return isForeign && iomap === 'allow' ? 'deny' : iomap;
}

/** Whether a command is granted places in the network. */
function hasNetwork({network}: Policy['server']): boolean {
  return network === 'host' || (network !== 'none' && network.length > 0);
}
