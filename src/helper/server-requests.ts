import type {IomapMode, MountPointFormat} from '../service/commands.js';
import type {OpenRequest} from '../service/file.js';
import {foreignText} from '../service/foreign-text.js';
import type {HelperActions} from '../service/helper-conversation.js';
import type {Option} from '../service/option-text.js';
import {Errno} from '../sys/errno.js';
import type {OwnedFd} from '../sys/fd.js';
import {MS_RDONLY} from '../sys/mount-flags.js';
import type {ControlChannel} from './control-channel.js';
import type {ControlSocket} from './control-socket.js';
import {flagsForIomap, type IomapResult} from './fuse-device.js';
import {createMount, type KernelMount} from './kernel-mount.js';
import {checkFormat, type MountPoint} from './mount-point.js';
import type {MountPolicy} from './mount-policy.js';
import type {CallerOptions} from './options.js';
import {openPossibleCpus} from './queues.js';
import type {ServedMembers} from './served-members.js';
import type {Serving} from './served-source.js';
import {checkServerOptions, mergeFlags, mergeOptions} from './server-options.js';
import type {Source} from './source.js';

/** What the helper has ready when the conversation begins. */
export interface Prepared {
  source: Source;
  served: Serving;
  members: ServedMembers;
  target: MountPoint;
  fuseDevice: OwnedFd;
  iomap: IomapResult;
  options: CallerOptions;
  policy: MountPolicy;
  /** From the caller's `-t`; what the server detects counts where there is none. */
  subtype: string | undefined;
  /** Whether a type that the server detected may be mounted by the policy at hand. @throws MountError */
  checkDetected: ((subtype: string) => void) | undefined;
  callerUid: number;
  callerGid: number;
  /** Where managers will reach the server; undefined where nobody is to. */
  controlSocket: ControlSocket | undefined;
  /** Whether the server may take requests by io_uring. */
  queues: boolean;
  /** Told when the source was asked for, the first time. */
  onSource?: () => void;
  /** Told when the mount has been made, with its subtype. @throws Errno; the mount fails then */
  onMounted?: (subtype: string) => void;
}

/** Shown in the mount table for a type that nobody named. */
const NAMELESS_SUBTYPE = 'fuseward';
/** Longest source name of the server's own making, bytes. */
const LONGEST_NAME = 64;

/**
 * Does for the server what it may ask for: open the one source, and make the one mount. The process is root here and
 * the server is assumed hostile; nothing it says reaches the kernel unchecked.
 */
export class ServerRequests implements HelperActions {
  readonly #prepared: Prepared;
  readonly #control: ControlChannel;
  #fuseblk: boolean | undefined;
  #sourceName: string | undefined;
  #mountPointGiven = false;
  #serverOptions: Option[] = [];
  #subtype: string | undefined;
  #mount: KernelMount | undefined;
  #flags = 0;
  #problem: {action: 'open' | 'mount'; error: unknown} | undefined;
  #memberProblem: unknown;
  #gaveQueues = false;
  /** Whether the source was asked for. */
  #asked: 'now' | 'before' | undefined;
  #given: ReadonlyMap<string, OwnedFd> = new Map();

  constructor(prepared: Prepared, {control}: {control: ControlChannel}) {
    this.#prepared = prepared;
    this.#control = control;
  }

  /** The mount, once there is one. */
  get mounted(): KernelMount | undefined {
    return this.#mount;
  }

  /** MS_* bits that the mount was made with. */
  get flags(): number {
    return this.#flags;
  }

  /** The last thing that went wrong on our side and was not mended by a later try. */
  get problem(): {action: 'open' | 'mount'; error: unknown} | undefined {
    return this.#problem;
  }

  /** Whether the server was told of queues, so that it may have an io_uring. */
  get gaveQueues(): boolean {
    return this.#gaveQueues;
  }

  /** Why the last file that is not the source was not opened. */
  get memberProblem(): unknown {
    return this.#memberProblem;
  }

  openFile(request: OpenRequest): OwnedFd {
    return this.#open(request, (from) => from.openFile(request));
  }

  openBlockDevice(request: OpenRequest): OwnedFd {
    return this.#open(request, (from) => from.openBlockDevice(request));
  }

  answeredOpen(): void {
    if (this.#asked !== 'now') return;
    this.#asked = 'before';
    this.#prepared.onSource?.();
  }

  openControl(): OwnedFd {
    const end = this.#control.takeServerEnd();
    if (end === undefined) throw new Errno('EBUSY', 'open', 'the control channel');
    return end;
  }

  openListener(): OwnedFd {
    const {controlSocket} = this.#prepared;
    if (controlSocket === undefined) throw new Errno('ENOENT', 'open', 'the control socket');
    return controlSocket.listen();
  }

  openQueues(): OwnedFd {
    if (!this.#prepared.queues) throw new Errno('EOPNOTSUPP', 'open', 'queues');
    this.#gaveQueues = true;
    return openPossibleCpus();
  }

  openGiven(name: string): OwnedFd {
    const given = this.#given.get(name);
    if (given === undefined) throw new Errno('ENOENT', 'open', foreignText(name, 64));
    return given.dup();
  }

  /** What a unit's command may ask for from now on. The descriptors stay their owner's. */
  give(things: ReadonlyMap<string, OwnedFd>): void {
    this.#given = things;
  }

  /** The question was put to the kernel before the server got the descriptor; this tells what came of it. */
  setIomap(mode: IomapMode): void {
    if (mode === 'optional' || this.#prepared.iomap === 'approved') return;
    throw new Errno(this.#prepared.iomap === 'unsupported' ? 'EOPNOTSUPP' : 'EPERM', 'IOMA');
  }

  setType(fuseblk: boolean): void {
    const {policy, callerUid} = this.#prepared;
    if (fuseblk && (callerUid !== 0 || !policy.fuseblk)) throw new Errno('EPERM', 'TYPE', 'fuseblk');
    this.#fuseblk = fuseblk;
  }

  /**
   * The name is what `findmnt` shows, and other programs act on it: a path in it must be the caller's, and it must be
   * one clean word for a terminal.
   */
  setSource(name: string): void {
    if (!this.#isCallersPath(name)) {
      if (Buffer.byteLength(name) > LONGEST_NAME || foreignText(name, LONGEST_NAME) !== name) {
        throw new Errno('EINVAL', 'NAME', foreignText(name, 64));
      }
      if (name.startsWith('/')) throw new Errno('EACCES', 'NAME', name);
    }
    this.#sourceName = name;
  }

  setMountPoint(path: string, expected: MountPointFormat): void {
    const {target} = this.#prepared;
    if (path !== target.name) throw new Errno('EINVAL', 'MNTP', foreignText(path, 200));
    this.#attempt('mount', () => checkFormat(target, expected));
    this.#mountPointGiven = true;
  }

  setOptions(text: string): void {
    this.#serverOptions = checkServerOptions(text, this.#prepared.options, this.#prepared.policy);
  }

  /** There is no /etc/mtab to write any more; it is a link to the kernel's own table. */
  setMtab(): void {}

  mount(flags: number): void {
    const {target, options, fuseDevice, iomap, callerUid, callerGid} = this.#prepared;
    const name = this.#sourceName;
    if (name === undefined || !this.#mountPointGiven) throw new Errno('EINVAL', 'DOIT');
    // Taken once: the server could tell of another type between policy's word and the kernel's mount, or after both.
    const subtype = this.subtype;
    if (this.#prepared.subtype === undefined) {
      this.#attempt('mount', () => this.#prepared.checkDetected?.(subtype));
    }
    const merged = mergeFlags(flags, options) | flagsForIomap(iomap, {isWritable: this.#canWriteAll});
    const fuseblk = this.#fuseblk ?? false;
    this.#mount = this.#attempt('mount', () =>
      createMount({
        fuseDevice,
        fuseblk,
        subtype,
        source: fuseblk ? this.#device(name) : name,
        flags: merged,
        options: mergeOptions(this.#serverOptions, options.fuse),
        userId: callerUid,
        groupId: callerGid,
        target,
        newApi: this.#fuseblk !== undefined,
      }),
    );
    this.#flags = merged;
    this.#subtype = subtype;
    // From here on the server's copy is the only one: when it dies, the kernel knows at once.
    fuseDevice.close();
    this.#attempt('mount', () => this.#prepared.onMounted?.(subtype));
  }

  /** What the mount table shows behind `fuse.`, or would. */
  get subtype(): string {
    return this.#subtype ?? this.#prepared.subtype ?? this.#control.detectedType ?? NAMELESS_SUBTYPE;
  }

  /** fuseblk: the kernel opens this path with our rights, so it must be the caller's device, or the loop device around it. */
  #device(name: string): string {
    const {source, served} = this.#prepared;
    if (!this.#isCallersPath(name)) throw new Errno('EACCES', 'DOIT', foreignText(name, 200));
    const device = source.kind === 'block' ? source.path : served.loopDevice;
    if (device === undefined) throw new Errno('ENOTBLK', 'DOIT', source.name);
    return device;
  }

  /** Whether the server can write to everything that it has of the file system. */
  get #canWriteAll(): boolean {
    const {served, members} = this.#prepared;
    return served.isWritable && members.all.length === 0;
  }

  #isCallersPath(path: string): boolean {
    return path === this.#prepared.source.name || path === this.#prepared.source.path;
  }

  /** The source, or one of its members. */
  #open(request: OpenRequest, open: (from: Serving | ServedMembers) => OwnedFd): OwnedFd {
    const {source, served, members, iomap} = this.#prepared;
    if (request.path === source.name) {
      this.#asked ??= 'now';
      return this.#attempt('open', () => open(served));
    }
    // Members are for reading, and with iomap a mount that was made writable would write to them all the same.
    const isWritable = this.#mount !== undefined && (this.#flags & MS_RDONLY) === 0;
    if (isWritable && iomap === 'approved') throw new Errno('EROFS', 'open', foreignText(request.path, 200));
    try {
      return open(members);
    } catch (error) {
      // A server may ask for anything, and go on without: whether this is why it gave up is its to say.
      this.#memberProblem = error;
      throw error;
    }
  }

  /** Remembers what failed, so that the caller can be told in our words, and forgets it when a later try works. */
  #attempt<T>(action: 'open' | 'mount', act: () => T): T {
    try {
      const result = act();
      this.#problem = undefined;
      return result;
    } catch (error) {
      this.#problem = {action, error};
      throw error;
    }
  }
}
