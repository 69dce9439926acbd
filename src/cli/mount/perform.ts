import {resolve} from 'node:path';
import {
  type GivenDescriptors,
  MountError,
  type MountRequest,
  type MountResult,
  mount,
  rehearse,
} from '../../helper/index.js';
import {launchContained} from '../../launch/index.js';
import {CONTROL_DIRECTORY, sweepRecords, writeRecord} from '../../launch/mount-record.js';
import type {ReadyServer} from '../../launch/ready-server.js';
import {announce} from '../../manager/announcement.js';
import {type Decision, loadPolicy, type Origin, type Policy, wayOf} from '../../policy/index.js';
import {sentenceOf} from '../../service/last-words.js';
import type {Log} from '../../service/log.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {closeAll} from '../../sys/fd.js';
import {logToSystem} from '../../sys/syslog.js';
import {connectByPolicy} from './connect.js';
import {checkContainment} from './containment-check.js';
import {grantHint} from './grant-hint.js';
import {type MountRules, mountRules, policyFiles, sourceText} from './mount-rules.js';
import {procHint} from './proc-hint.js';

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
  /** A server that waits, for a mount that would start the same. */
  readonly ready?: ReadyServer | undefined;
}

/**
 * Mounts as policy allows: reads the policy of the type, runs the mount helper, keeps the record, tells the manager. The one way by
 * which every command mounts. Needs root.
 * @throws MountError with everything undone; PolicyError when a policy file can't be used
 */
export async function performMount(order: MountOrder): Promise<MountResult> {
  try {
    const result = await mountFound(order);
    keepRecord(result, order);
    if (order.announce) announceMount(result, order);
    return result;
  } catch (error) {
    if (order.announce) announceDenial(error, order);
    throw error;
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

/** As `-t`: the server finds out. */
const UNNAMED = 'auto';

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
  const {callerUid, socketOnly = false, log} = order;
  const {request, rules} = prepared(order);
  const {policy} = rules;
  const server = socketOnly ? {...policy.server, driver: 'socket' as const} : policy.server;
  const object = `${request.source} on ${request.target}`;
  const result = await inItsWords(policy, () =>
    mount(request, {
      policy: {...policy, iomap: iomapFor(policy)},
      decide: rules.decide,
      checkDetected: rules.decideDetected,
      connect: (wanted, needs) =>
        connectByPolicy(wanted, {policy, server, needs, object, ready: order.ready}),
      ...(server.observe ? {observe: () => launchContained('observe', [], server)} : {}),
      controlDirectory: CONTROL_DIRECTORY,
      checkServer: (process) => {
        const {required} = policy.containment;
        checkContainment(process, {required, object, callerUid, network: hasNetwork(server)});
      },
      ...(log === undefined ? {} : {log}),
    }),
  );
  return result.foreign === true && hasNetwork(server) ? {...result, network: true} : result;
}

/** Programs of others don't know iomap, and a mount with it would be read-only for their sake. */
function iomapFor({iomap, server: {command, way}}: Policy): Policy['iomap'] {
  const isForeign = command !== undefined && wayOf(command, way) !== 'service';
  return isForeign && iomap === 'allow' ? 'deny' : iomap;
}

/** Failures that a program may have words for. */
const ITS_OWN: readonly string[] = ['server-refused', 'server-died', 'deadline'];

/** Says of a command that failed what it said itself, where nobody could tell of it, and for want of a file which line of policy would grant it. */
async function inItsWords<T>({server, ownFile, deadlineMs}: Policy, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof MountError) || server.command === undefined) throw error;
    if (!ITS_OWN.includes(error.code)) throw error;
    const log = error.details['serverLog'];
    const lines = Array.isArray(log) ? log.map(String) : [];
    const words = [error.message, ...lines];
    const said = sentenceOf(lines);
    const isTold = /; it (?:says|was refused): /.test(error.message);
    if (error.errno === ERRNO.ETIMEDOUT)
      error.message += `; it had ${deadlineMs / 1000} s (deadline_seconds)`;
    if (said !== '' && !isTold) error.message += `; it says: ${said}`;
    const {grants, network} = server;
    const file = ownFile;
    const hint =
      procHint(said) ?? (file === undefined ? undefined : grantHint(words, {grants, network, file}));
    if (hint !== undefined) error.message += `; ${hint}`;
    throw error;
  }
}

/** Whether a command is granted places in the network. */
function hasNetwork({network}: Policy['server']): boolean {
  return network === 'host' || (network !== 'none' && network.length > 0);
}

function keepRecord(result: MountResult, {options, callerUid}: MountOrder): void {
  sweepRecords();
  writeRecord({
    connectionId: result.connectionId,
    mountId: result.mountId,
    source: result.source,
    sourcePath: result.sourcePath,
    sourceInode: result.sourceInode,
    target: result.target,
    type: result.subtype,
    options,
    readOnly: result.readOnly,
    loopDevice: result.loopDevice,
    members: result.members,
    blockSize: result.blockSize,
    iomap: result.iomap,
    queues: result.queues,
    kind: result.kind,
    foreign: result.foreign,
    network: result.network,
    sandbox: result.sandbox,
    unit: result.unit,
    serverPid: result.serverPid,
    serverStart: result.serverStart,
    observer: result.observer,
    reported: result.lockDown,
    since: new Date().toISOString(),
    callerUid,
    controlSocket: result.controlSocket,
    rule: result.rule,
  });
}

/** The manager logs each decision with its rule; where none runs, the system's log has it. */
function announceMount(
  {connectionId, mountId, source, target, rule}: MountResult,
  {callerUid}: MountOrder,
): void {
  if (announce({event: 'mounted', connectionId, mountId})) return;
  const place = rule === undefined ? '' : ` by ${rule.file}:${rule.line}`;
  logToSystem('info', `user ${callerUid} mounted ${source} on ${target}, allowed${place}`);
}

/** A mount that policy forbids is worth a log; other failures are the caller's own. */
function announceDenial(error: unknown, {source, target, callerUid}: MountOrder): void {
  if (!(error instanceof MountError)) return;
  const {code, message, errnoName: errno, details} = error;
  if (errno !== 'EPERM' && errno !== 'EACCES') return;
  const rule = details['rule'] as Origin | undefined;
  if (announce({event: 'denied', source, target, code, errno, message, callerUid, rule})) return;
  logToSystem('warning', `user ${callerUid} was denied: ${message}`);
}
