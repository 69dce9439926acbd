import {resolve} from 'node:path';
import {
  type GivenDescriptors,
  MountError,
  type MountRequest,
  type MountResult,
  mount,
  rehearse,
} from '../../helper/index.js';
import {connectServer, launchContained} from '../../launch/index.js';
import {CONTROL_DIRECTORY, sweepRecords, writeRecord} from '../../launch/mount-record.js';
import {announce} from '../../manager/announcement.js';
import type {Decision, Origin} from '../../policy/index.js';
import type {Log} from '../../service/log.js';
import {logToSystem} from '../../sys/syslog.js';
import {checkContainment} from './containment-check.js';
import {type MountRules, mountRules, policyFiles} from './mount-rules.js';

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
}

/**
 * Mounts as policy allows: reads the policy of the type, runs the mount helper, keeps the record, tells the manager. The one way by
 * which every command mounts. Needs root.
 * @throws MountError with everything undone; PolicyError when a policy file can't be used
 */
export async function performMount(order: MountOrder): Promise<MountResult> {
  try {
    // The mount table is read from other directories than this one.
    const result = await mountByPolicy({...order, source: resolve(order.source)});
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
  const {request, rules} = prepared({...order, source: resolve(order.source)});
  return await rehearse(request, {policy: rules.policy, decide: rules.decide});
}

/** What the helper is given: by whom and what, and the rules for that. @throws PolicyError, MountError `bad-type` */
function prepared(order: MountOrder): {request: MountRequest; rules: MountRules} {
  const {source, target, type, options, callerUid, callerGid, callerGroups, given} = order;
  return {
    request: {
      ...{source, target, type, options: [...options], callerUid, callerGid, callerGroups},
      ...(given === undefined ? {} : {given}),
    },
    rules: mountRules(order, policyFiles(order)),
  };
}

async function mountByPolicy(order: MountOrder): Promise<MountResult> {
  const {source, callerUid, socketOnly = false, log} = order;
  const {request, rules} = prepared(order);
  const {policy} = rules;
  const server = socketOnly ? {...policy.server, driver: 'socket' as const} : policy.server;
  return await mount(request, {
    policy,
    decide: rules.decide,
    checkDetected: rules.decideDetected,
    connect: (wanted) => connectServer(wanted, server),
    ...(server.observe ? {observe: () => launchContained('observe', [], server)} : {}),
    controlDirectory: CONTROL_DIRECTORY,
    checkServer: (process) => {
      const {required} = policy.containment;
      checkContainment(process, {required, object: `${source} on ${request.target}`, callerUid});
    },
    ...(log === undefined ? {} : {log}),
  });
}

function keepRecord(result: MountResult, {options, callerUid}: MountOrder): void {
  sweepRecords();
  writeRecord({
    connectionId: result.connectionId,
    mountId: result.mountId,
    source: result.source,
    sourcePath: result.sourcePath,
    target: result.target,
    type: result.subtype,
    options,
    readOnly: result.readOnly,
    loopDevice: result.loopDevice,
    members: result.members,
    blockSize: result.blockSize,
    iomap: result.iomap,
    kind: result.kind,
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
