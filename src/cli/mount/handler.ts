import {resolve} from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import {MountError, type MountResult, mount, subtypeOf} from '../../helper/index.js';
import {connectServer} from '../../launch/index.js';
import {CONTROL_DIRECTORY, processStart, sweepRecords, writeRecord} from '../../launch/mount-record.js';
import {announce} from '../../manager/announcement.js';
import {loadPolicy, type Policy, PolicyError} from '../../policy/index.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {type Command, complain, EXIT, type OptionValues, print} from '../command.js';
import {mountDefinition} from './options.js';

function keepRecord(result: MountResult, options: string[]): void {
  sweepRecords();
  writeRecord({
    connectionId: result.connectionId,
    mountId: result.mountId,
    source: result.source,
    target: result.target,
    type: result.subtype,
    options,
    readOnly: result.readOnly,
    loopDevice: result.loopDevice,
    blockSize: result.blockSize,
    iomap: result.iomap,
    kind: result.kind,
    serverPid: result.serverPid,
    serverStart: result.serverPid === undefined ? undefined : processStart(result.serverPid),
    reported: result.lockDown,
    since: new Date().toISOString(),
    callerUid: process.getuid!(),
    controlSocket: result.controlSocket,
  });
}

/** A mount that policy forbids is worth the manager's log; other failures are the caller's own. */
function announceDenial(error: unknown, source: string, target: string): void {
  if (!(error instanceof MountError)) return;
  const {code, message, errnoName: errno} = error;
  if (errno === 'EPERM' || errno === 'EACCES')
    announce({event: 'denied', source, target, code, errno, message});
}

function report(error: unknown, json: boolean): number {
  if (!(error instanceof MountError || error instanceof PolicyError)) throw error;
  const exitCode = error instanceof MountError ? error.exitCode : EXIT.failed;
  if (json) {
    const {message} = error;
    const facts =
      error instanceof MountError ? {code: error.code, errno: error.errnoName} : {code: 'bad-policy'};
    print(JSON.stringify({error: {message, ...facts, exitCode}}));
  } else {
    complain(error.message);
  }
  return exitCode;
}

async function perform(source: string, target: string, values: OptionValues): Promise<MountResult> {
  const type = values['type'] as string | undefined;
  const options = (values['options'] ?? []) as string[];
  // `fuse.ext4` is the same type as `ext4`, so the same rules are for it.
  const subtype = type === undefined ? undefined : subtypeOf(type);
  const directory = values['policy'] as string | undefined;
  const policy: Policy = loadPolicy(subtype, directory);
  const result = await mount(
    {source, target, type, options, callerUid: process.getuid!(), callerGid: process.getgid!()},
    {
      policy: {...policy, fuseblk: false},
      connect: (subtype) => connectServer(subtype, policy.server),
      controlDirectory: CONTROL_DIRECTORY,
      checkDetected: (detected) => {
        if (isDeepStrictEqual(loadPolicy(detected, directory), policy)) return;
        const reason = `it holds ${detected}, which has a policy of its own: say so with -t ${detected}`;
        throw new MountError({object: source, reason, code: 'type-has-policy'});
      },
    },
  );
  keepRecord(result, options);
  const {connectionId, mountId} = result;
  if (values['no-announce'] !== true) announce({event: 'mounted', connectionId, mountId});
  return result;
}

export const mountCommand: Command = {
  definition: mountDefinition,
  async run([source, target], values) {
    const json = values['json'] === true;
    try {
      keepInheritedFds();
      // The mount table is read from other directories than this one.
      const result = await perform(resolve(source!), target!, values);
      if (json) print(JSON.stringify(result));
      return EXIT.done;
    } catch (error) {
      if (values['no-announce'] !== true) announceDenial(error, source!, target!);
      return report(error, json);
    }
  },
};
