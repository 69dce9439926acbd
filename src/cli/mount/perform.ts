import {resolve} from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import {
  type GivenDescriptors,
  MountError,
  type MountRequest,
  type MountResult,
  mount,
  noDriver,
  rehearse,
  subtypeOf,
} from '../../helper/index.js';
import {connectServer, hasServer} from '../../launch/index.js';
import {CONTROL_DIRECTORY, sweepRecords, writeRecord} from '../../launch/mount-record.js';
import {announce} from '../../manager/announcement.js';
import {
  type Decision,
  decide,
  loadPolicy,
  type MountFacts,
  type Origin,
  type Policy,
  settingsFor,
} from '../../policy/index.js';
import type {Log} from '../../service/log.js';
import {checkContainment} from './containment-check.js';
import {checkMountCount} from './mount-count.js';

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
    const {connectionId, mountId} = result;
    if (order.announce) announce({event: 'mounted', connectionId, mountId});
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
  const {request, policy, judge} = prepared({...order, source: resolve(order.source)});
  return await rehearse(request, {policy: {...policy, fuseblk: false}, decide: judge});
}

/** What the helper is given: by whom and what, the rules for that, and the judge over it. @throws PolicyError, MountError `bad-type` */
function prepared({source, target, type, options, policyDirectory, ...order}: MountOrder): {
  request: MountRequest;
  policy: Policy;
  judge: (facts: MountFacts) => Decision;
} {
  const {callerUid, callerGid, callerGroups, given} = order;
  // `fuse.ext4` is the same type as `ext4`, so the same rules are for it.
  const subtype = type === undefined ? undefined : subtypeOf(type);
  const policy = settingsFor(loadPolicy(subtype, policyDirectory), callerUid);
  return {
    request: {
      ...{source, target, type, options: [...options], callerUid, callerGid, callerGroups},
      ...(given === undefined ? {} : {given}),
    },
    policy,
    judge: (facts) => {
      // Who has no driver may fall back to another way of mounting; who is denied may not.
      if (policy.allow.length === 0 && !hasServer(subtype)) throw noDriver(`${source} on ${target}`, subtype);
      checkMountCount({callerUid, source, target}, policy.maxMountsPerUser);
      return decide(policy, facts);
    },
  };
}

async function mountByPolicy(order: MountOrder): Promise<MountResult> {
  const {source, callerUid, policyDirectory, socketOnly = false, log} = order;
  const {request, policy, judge} = prepared(order);
  const server = socketOnly ? {...policy.server, driver: 'socket' as const} : policy.server;
  return await mount(request, {
    policy: {...policy, fuseblk: false},
    decide: judge,
    connect: (wanted) => connectServer(wanted, server),
    controlDirectory: CONTROL_DIRECTORY,
    checkDetected: (detected, facts) => {
      const own = settingsFor(loadPolicy(detected, policyDirectory), callerUid);
      if (isDeepStrictEqual(settingsOf(own), settingsOf(policy))) return decide(own, facts);
      const reason = `it holds ${detected}, which has a policy of its own: say so with -t ${detected}`;
      throw new MountError({object: source, reason, code: 'type-has-policy'});
    },
    checkServer: (process) => {
      const {required} = policy.containment;
      checkContainment(process, {required, object: `${source} on ${request.target}`, callerUid});
    },
    ...(log === undefined ? {} : {log}),
  });
}

/** What of a policy has an effect after a mount was allowed. */
function settingsOf(policy: Policy): Partial<Policy> {
  const {allow: _allow, origins: _origins, ownFile: _ownFile, ...settings} = policy;
  return settings;
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
    blockSize: result.blockSize,
    iomap: result.iomap,
    kind: result.kind,
    serverPid: result.serverPid,
    serverStart: result.serverStart,
    reported: result.lockDown,
    since: new Date().toISOString(),
    callerUid,
    controlSocket: result.controlSocket,
    rule: result.rule,
  });
}

/** A mount that policy forbids is worth the manager's log; other failures are the caller's own. */
function announceDenial(error: unknown, {source, target, callerUid}: MountOrder): void {
  if (!(error instanceof MountError)) return;
  const {code, message, errnoName: errno, details} = error;
  if (errno === 'EPERM' || errno === 'EACCES')
    announce({
      event: 'denied',
      source,
      target,
      code,
      errno,
      message,
      callerUid,
      rule: details['rule'] as Origin,
    });
}
