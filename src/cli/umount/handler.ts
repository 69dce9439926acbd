import {eventually} from '../../helper/cleanup.js';
import {MountError, unmount} from '../../helper/index.js';
import {endSandbox, isSandboxThere} from '../../launch/leftover-sandbox.js';
import {mountHolder} from '../../launch/mount-holder.js';
import {type MountRecord, processStart, readRecord} from '../../launch/mount-record.js';
import {findMount} from '../../launch/mount-status.js';
import {sweepRecords} from '../../launch/record-sweep.js';
import {announce} from '../../manager/announcement.js';
import {connectionOf, type MountEntry, readMounts} from '../../sys/mount-info.js';
import {isRunning} from '../../sys/process-state.js';
import {type Command, complain, EXIT, numberOf, type OptionValues, print} from '../command.js';
import {printable} from '../terminal/text.js';
import {reportFailure, UserRequestError} from '../user-client.js';
import {unmountAsUser} from './as-user.js';
import {umountDefinition} from './options.js';
import {placeOf} from './place.js';

const LARGEST_ID = 2 ** 31 - 1;
/** How long processes that were ended may take to be gone. */
const END_MS = 2_000;

function entryOf(target: string): MountEntry | undefined {
  try {
    return findMount(target);
  } catch {
    // What is wrong is the unmount's to say.
    return undefined;
  }
}

/**
 * Ends the server whose connection is about to be ended: requests that the kernel has put into the ring of one that hangs are not
 * given up before it is gone.
 */
function endServer({serverPid, serverStart}: MountRecord): void {
  if (serverPid === undefined || serverStart === undefined || processStart(serverPid) !== serverStart) return;
  try {
    process.kill(serverPid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/**
 * Ends what is left of a program of others whose process that answered has ended with the mount: one that went into the background leaves
 * who started it, waiting. @returns whether that was so
 */
async function endRest(record: MountRecord): Promise<boolean> {
  const {serverPid, serverStart, sandbox} = record;
  if (sandbox === undefined || serverPid === undefined || serverPid === sandbox.pid) return false;
  if (serverStart === undefined || isRunning({pid: serverPid, start: serverStart})) return false;
  endSandbox(record);
  const isGone = await eventually(() => !isSandboxThere(record), END_MS);
  sweepRecords();
  return isGone;
}

/** Of the source, and of the further ones that the file system lies on. */
function loopDevicesOf({loopDevice, members = []}: MountRecord): string[] {
  return [loopDevice, ...members.map((member) => member.loopDevice)].filter((path) => path !== undefined);
}

async function perform(named: string, values: OptionValues): Promise<number> {
  const {path: target, mountId} = placeOf(named);
  const wanted = numberOf(values, 'mount-id', {least: 0, most: LARGEST_ID, whole: true}) ?? mountId;
  if (process.geteuid?.() !== 0) {
    const how = {lazy: values['lazy'] === true, force: values['force'] === true};
    unmountAsUser(target, {mountId: wanted, ...how});
    return EXIT.done;
  }
  const entry = wanted === undefined ? entryOf(target) : readMounts().find(({id}) => id === wanted);
  // The server that the mount command noted, to be waited for.
  const record = entry === undefined ? undefined : readRecord(connectionOf(entry), entry.id);
  // Of a program of others that with which all of it ends.
  const serverPid = record?.sandbox?.pid ?? record?.serverPid;
  if (values['force'] === true && record?.queues === true) endServer(record);
  const result = await unmount(target, {
    lazy: values['lazy'] === true,
    force: values['force'] === true,
    ...(serverPid === undefined ? {} : {serverPid}),
    ...(wanted === undefined ? {} : {mountId: wanted}),
    ...(record === undefined ? {} : {loopDevices: loopDevicesOf(record)}),
  });
  sweepRecords();
  if (entry !== undefined && values['no-announce'] !== true) {
    announce({event: 'unmounted', connectionId: connectionOf(entry), mountId: entry.id});
  }
  if (values['lazy'] === true || result.elsewhere) return EXIT.done;
  const serverGone = result.serverGone || (record !== undefined && (await endRest(record)));
  const isDone = serverGone && result.loopReleased;
  const holder = isDone || entry === undefined ? undefined : mountHolder(entry);
  if (holder !== undefined) {
    const who = `process ${holder.pid} (${printable(holder.name)})`;
    complain(`${result.target} is unmounted here, but still mounted in the mount namespace of ${who}`);
    return EXIT.failed;
  }
  if (!serverGone)
    complain(`${result.target} is unmounted, but its server (process ${serverPid}) is still there`);
  if (!result.loopReleased)
    complain(`${result.target} is unmounted, but a loop device still holds ${result.source}`);
  return isDone ? EXIT.done : EXIT.failed;
}

export const umountCommand: Command = {
  definition: umountDefinition,
  async run([target], values) {
    try {
      return await perform(target!, values);
    } catch (error) {
      if (error instanceof UserRequestError) return reportFailure(error.failure, values['json'] === true);
      if (!(error instanceof MountError)) throw error;
      const {message, code, errnoName: errno} = error;
      if (values['json'] === true) print(JSON.stringify({error: {message, code, errno}}));
      else complain(message);
      return EXIT.failed;
    }
  },
};
