import {MountError, type MountResult} from '../../helper/index.js';
import {keepRecord} from '../../launch/mount-record.js';
import {announce} from '../../manager/announcement.js';
import type {Origin} from '../../policy/index.js';
import {logToSystem} from '../../sys/syslog.js';
import type {MountOrder} from './perform.js';

/** Writes down what nobody could find out later, as long as the mount is there. @throws Errno */
export function noteMount(result: MountResult, {options, callerUid}: MountOrder): void {
  keepRecord({
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
    firstFilters: result.firstFilters,
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
export function announceMount(
  {connectionId, mountId, source, target, rule}: MountResult,
  {callerUid}: MountOrder,
): void {
  if (announce({event: 'mounted', connectionId, mountId})) return;
  const place = rule === undefined ? '' : ` by ${rule.file}:${rule.line}`;
  logToSystem('info', `user ${callerUid} mounted ${source} on ${target}, allowed${place}`);
}

/** A mount that policy forbids is worth a log; other failures are the caller's own. */
export function announceDenial(error: unknown, {source, target, callerUid}: MountOrder): void {
  if (!(error instanceof MountError)) return;
  const {code, message, errnoName: errno, details} = error;
  if (errno !== 'EPERM' && errno !== 'EACCES') return;
  const rule = details['rule'] as Origin | undefined;
  if (announce({event: 'denied', source, target, code, errno, message, callerUid, rule})) return;
  logToSystem('warning', `user ${callerUid} was denied: ${message}`);
}
