import {constants, fstatSync} from 'node:fs';
import {dirname, isAbsolute, join} from 'node:path';
import type {ServerConversation} from '../service/index.js';
import {Errno, errnoText} from '../sys/errno.js';
import {type OwnedFd, setNonBlocking} from '../sys/fd.js';
import {MS_NODEV, MS_NOSUID, MS_RDONLY} from '../sys/mount-flags.js';
import {optimizeEarly} from '../sys/optimization.js';
import {gettid} from '../sys/process.js';
import type {SeccompFilter, SeccompRule} from '../sys/seccomp.js';
import type {ControlListener} from './control-listener.js';
import {closeUnknown} from './descriptors.js';
import {MountRefusal} from './driver.js';
import {mayUseIomap} from './iomap-support.js';
import {lockDownFilter, restrictProcess, restrictRuntimeThreads} from './lock-down.js';
import {log} from './log.js';
import {type parseArguments, sortOptions} from './mount-options.js';
import type {OrderBox} from './order-box.js';
import type {Rehearsed} from './rehearsal.js';
import {report} from './report.js';
import type {RequestThreadHandle} from './request-thread-handle.js';
import type {Probe} from './requests.js';
import {restrictThread} from './restrict-thread.js';
import {ALLOWED_COUNT, iomapSystemCalls, ringSystemCalls} from './system-calls.js';
import {wakeThread} from './wake-signal.js';

/** How long a busy source is asked for again, ms. */
const BUSY_RETRY_MS = 5_000;

/** What the conversation has brought so far. */
export interface Session {
  readonly conversation: ServerConversation;
  /** Whether the helper lets other users use the mount. */
  readonly allowOther: boolean;
  /** Our end of the control channel, where the helper is fuseward's own. */
  readonly control: OwnedFd | undefined;
  /** Where managers connect, where the helper gave a socket for that. */
  readonly listener: ControlListener | undefined;
  readonly fuseDevice: OwnedFd;
  readonly place: ReturnType<typeof parseArguments>;
  readonly thread: RequestThreadHandle;
  /** What reaches that thread while it serves requests. */
  readonly orders: OrderBox;
  readonly cacheBytes: number;
  /** How long to look for the next request before sleeping, milliseconds. */
  readonly busyPollMs: number;
  /** How many queues a ring would need; undefined where requests are to travel by the device. */
  readonly queues: number | undefined;
  /** Memory that it counts in. */
  readonly countersFd: number;
  /** Of a server that has waited: what it did while nobody else did. */
  readonly rehearsed: Rehearsed | undefined;
}

/** Every descriptor that the mount needs, but for the runtime's own. */
function knownDescriptors(
  {conversation, control, listener, fuseDevice, countersFd}: Session,
  ringFd: number | undefined,
): Set<number> {
  const known = [conversation.fd, control?.fd, listener?.fd, fuseDevice.fd, countersFd, ringFd];
  return new Set(known.filter((fd) => fd !== undefined));
}

/**
 * The point of no return: from here on the process has what it holds and nothing else. The image has not been asked for yet.
 * @returns whether the kernel may be let read files by itself
 */
async function lockDown(session: Session): Promise<boolean> {
  const {thread, orders, control, queues} = session;
  const fuseFd = session.fuseDevice.fd;
  const iomap = mayUseIomap(fuseFd);
  // What runBlocking would do: not allowed any more when it begins.
  setNonBlocking(fuseFd);
  // While the thread still starts: all that doesn't depend on its greeting.
  const more = iomap ? iomapSystemCalls(fuseFd) : [];
  // One for a ring has to name it.
  const early = queues === undefined ? filterFor(session, more) : undefined;
  const {landlock, threadId} = session.rehearsed ?? (await thread.greeting);
  const ringFd = queues === undefined ? undefined : (await thread.ask('ring', {fuseFd, queues})).ringFd;
  orders.wake = () => wakeThread(threadId);
  restrictThread();
  restrictRuntimeThreads([threadId, gettid(), ...(session.rehearsed?.restricted ?? [])]);
  const closed = closeUnknown(knownDescriptors(session, ringFd));
  if (closed > 0) log('warn', {closed}, 'descriptors were open that this server was not given');
  const ring = ringFd === undefined ? [] : ringSystemCalls(ringFd);
  restrictProcess(early ?? lockDownFilter(undefined, [...more, ...ring]));
  report(control, {event: 'contained', landlock, systemCalls: ALLOWED_COUNT});
  return iomap;
}

function filterFor({rehearsed}: Session, more: readonly SeccompRule[]): SeccompFilter {
  return more.length === 0 && rehearsed !== undefined ? rehearsed.filter : lockDownFilter(undefined, more);
}

/** What to read from: a loop device where the helper makes one, else what the caller named. */
function openSource({conversation}: Session, path: string, blockSize: number): OwnedFd {
  const request = {flags: constants.O_RDONLY, blockSize, retryBusyMs: BUSY_RETRY_MS};
  return conversation.openFile(path, {...request, tryLoop: true});
}

/** The same with the file system's block size, which nobody knew before the superblock was read. */
function withBlockSize(session: Session, source: OwnedFd, {blockSize}: Probe): OwnedFd {
  const {conversation, place} = session;
  if (blockSize === 0 || !fstatSync(source.fd).isBlockDevice()) return source;
  if (conversation.extended) return openSource(session, place.source, blockSize);
  return conversation.openBlockDevice(place.source, {flags: constants.O_RDONLY, blockSize});
}

/**
 * What the driver reads: the file below a loop device, where the helper gives it, because reading that is several times
 * faster; else the source itself. The loop device is kept all the same: it shows on the machine that the image is in use.
 */
function readingEnd({conversation}: Session, path: string, source: OwnedFd): OwnedFd {
  if (!conversation.extended || !fstatSync(source.fd).isBlockDevice()) return source;
  try {
    return conversation.openFile(path, {flags: constants.O_RDONLY, quiet: true});
  } catch (error) {
    if (error instanceof Errno) return source;
    throw error;
  }
}

/** One of the further sources of a file system. */
interface OpenMember {
  readonly name: string;
  /** What was asked for first: a loop device where the helper makes one. */
  readonly device: OwnedFd;
  /** What to read from. */
  readonly file: OwnedFd;
}

/** Asks for a further source, which lies beside the first one where its name is relative. @throws MountRefusal */
function openMember(session: Session, name: string): OpenMember {
  const path = isAbsolute(name) ? name : join(dirname(session.place.source), name);
  try {
    const device = openSource(session, path, 0);
    return {name, device, file: readingEnd(session, path, device)};
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    const reason = `its member ${JSON.stringify(name)} can't be opened: ${errnoText(error.errno)}`;
    throw new MountRefusal(error.code, 'member-refused', reason);
  }
}

/** What is known once the mount is made. */
export interface Mounted {
  readonly probe: Probe;
  /** Block devices that the kernel may read files from by itself, in the driver's order. */
  readonly devices: readonly number[];
}

/** The sources as devices for the kernel; none where one of them is a file. */
function blockDevices(sources: readonly OwnedFd[]): number[] {
  return sources.every(({fd}) => fstatSync(fd).isBlockDevice()) ? sources.map(({fd}) => fd) : [];
}

/**
 * Everything between the greeting and the mount: lock down, look at the source, open it, mount. Afterwards the kernel's first
 * request waits on the fuse device.
 * @throws MountRefusal, Errno or ProtocolError; the mount did not happen then
 */
export async function mountSource(session: Session, type: string): Promise<Mounted> {
  const {conversation, place, thread} = session;
  const iomap = await lockDown(session);
  const asked = openSource(session, place.source, 0);
  const file = readingEnd(session, place.source, asked);
  const probe = await thread.ask('probe', {fd: file.fd, type});
  // Its code is there: V8 takes no cache that was made with other flags. One that has waited does so when its mount is there.
  if (session.rehearsed === undefined) optimizeEarly();

  report(session.control, {event: 'detected', type: probe.type, blockSize: probe.blockSize});
  const options = sortOptions(place.options, probe.optionNames);
  // A device that is read itself gets its block size before it is: Linux before 6.15 did not bear both at once.
  const early = file === asked ? withBlockSize(session, asked, probe) : undefined;
  const members = probe.members.map((name) => openMember(session, name));
  const opening = thread.ask('open', {
    fd: (early ?? file).fd,
    members: members.map(({name, file: {fd}}) => ({name, fd})),
    options: [...options.driver],
    cacheBytes: session.cacheBytes,
  });
  // It is waited for below; what the helper refuses meanwhile is told first.
  opening.catch(() => {});
  const source = early ?? withBlockSize(session, asked, probe);
  if (source !== asked) asked.close();
  await opening;

  conversation.fsopen(false);
  conversation.source(place.source);
  conversation.mountPoint(place.target, probe.target);
  // The kernel checks permissions by mode and ACL, as for a file system of its own.
  const fuse = new Set([...options.fuse, 'default_permissions']);
  if (session.allowOther) fuse.add('allow_other');
  conversation.options([...fuse].join(','));
  conversation.mount(options.flags | MS_RDONLY | MS_NOSUID | MS_NODEV);
  // A file system with members lies on them.
  const places = members.length > 0 ? members.map(({device}) => device) : [source];
  return {probe, devices: iomap ? blockDevices(places) : []};
}
