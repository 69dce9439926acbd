import {fstatSync, readSync} from 'node:fs';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {OwnedFd, setCloseOnExec} from '../sys/fd.js';
import {waitReadable} from '../sys/poll.js';
import {
  isUnixSocket,
  receivePacket,
  SOCK_SEQPACKET,
  sendBufferSize,
  sendPacket,
  setPassRights,
  socketType,
} from '../sys/socket.js';
import {decodeArguments, MAX_ARGUMENT_BYTES} from './arguments.js';
import * as commands from './commands.js';
import {Deadline, sleepSync} from './deadline.js';
import * as file from './file.js';
import {chooseVersion, type Hello, hello, helloReply} from './hello.js';
import {
  ARGV_FILE,
  CONTROL_FILE,
  FUSEDEV_FILE,
  GIVEN_PREFIX,
  LISTEN_FILE,
  MIN_SEND_BUFFER,
  PATH_MAX,
  QUEUES_FILE,
} from './magic.js';
import {ProtocolError} from './protocol-error.js';

/** How a server wants a file opened. */
export interface OpenOptions {
  /** open(2) flags. */
  flags: number;
  /** Permission bits, for O_CREAT. */
  mode?: number;
  /** The helper shall not complain if it can't. */
  quiet?: boolean;
  /** Extension: a regular file is to come as a loop device. Left out of the packet where the helper has no extension. */
  tryLoop?: boolean;
  /** Block size for the device in bytes, 0 to leave it alone. */
  blockSize?: number;
  /** How long to ask again while the answer is EBUSY, in ms; 0 unless told. */
  retryBusyMs?: number;
}

const RETRY_MS = 100;
/** The largest packet a helper sends: FILE with the longest path. */
const LARGEST_ANSWER = 8 + PATH_MAX + 1;

/**
 * The contained server's end of the conversation. All calls block the thread, at most `timeoutMs` for an answer; they throw
 * {@link Errno} for what the helper refused, naming the packet, and {@link ProtocolError} for an answer against the rules,
 * after which the conversation is over.
 */
export class ServerConversation {
  readonly #socket: OwnedFd;
  readonly #timeoutMs: number;
  #extended = false;
  #filesDone = false;

  /** @param socket owned by the conversation from now on */
  constructor(socket: OwnedFd, {timeoutMs = 30_000}: {timeoutMs?: number} = {}) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Takes a descriptor that somebody passed down (fd 3 of a service) after making sure that it is the kind of socket
   * that the protocol needs, and makes it close-on-exec.
   *
   * @throws ProtocolError `socket` (ENOTSOCK, EAFNOSUPPORT or ENOBUFS)
   */
  static accept(fd: number, opts: {timeoutMs?: number} = {}): ServerConversation {
    let seqpacket = false;
    try {
      seqpacket = socketType(fd) === SOCK_SEQPACKET;
    } catch (error) {
      const code = errnoOf(error) === ERRNO.EBADF ? 'EBADF' : 'ENOTSOCK';
      throw new ProtocolError('socket', 'descriptor', code, `fd ${fd} is not a socket`, {fd});
    }
    if (!seqpacket || !isUnixSocket(fd)) {
      throw new ProtocolError(
        'socket',
        'descriptor',
        'EAFNOSUPPORT',
        `fd ${fd} is not a unix SEQPACKET socket`,
        {fd},
      );
    }
    const size = sendBufferSize(fd);
    if (size < MIN_SEND_BUFFER) {
      throw new ProtocolError('socket', 'size', 'ENOBUFS', `send buffer is below ${MIN_SEND_BUFFER} bytes`, {
        size,
      });
    }
    setCloseOnExec(fd, true);
    return new ServerConversation(new OwnedFd(fd), opts);
  }

  /** The socket it goes over. @throws Errno EBADF once closed */
  get fd(): number {
    return this.#socket.fd;
  }

  /** True once the helper has proved to be fuseward's. */
  get extended(): boolean {
    return this.#extended;
  }

  /** Waits, for ever, until the helper says its first word or is gone: for a server that is started before it is needed. */
  wait(): void {
    waitReadable(this.#socket.fd);
  }

  /** Waits for the helper's hello and answers it. @throws ProtocolError */
  hello(): Hello {
    const greeting = hello.decode(this.#receive('SAFT', 0).bytes);
    this.#send('LAST', helloReply.encode({version: chooseVersion(greeting)}));
    return greeting;
  }

  /** The helper's arguments: the subtype, then its command line without `-t TYPE`. */
  receiveArguments(): string[] {
    using memfd = this.#receiveFile(ARGV_FILE);
    const size = fstatSync(memfd.fd).size;
    if (size > MAX_ARGUMENT_BYTES) {
      throw new ProtocolError('argv', 'arguments', 'E2BIG', 'argument file too large', {size});
    }
    const bytes = new Uint8Array(size);
    let filled = 0;
    // Ends: a read of 0 bytes stops it, any other adds at least one.
    while (filled < size) {
      const count = readSync(memfd.fd, bytes, filled, size - filled, filled);
      if (count === 0) break;
      filled += count;
    }
    return decodeArguments(bytes.subarray(0, filled));
  }

  /** The open /dev/fuse that will be mounted. */
  receiveFuseDevice(): OwnedFd {
    return this.#receiveFile(FUSEDEV_FILE);
  }

  /** Asks for a file. @throws Errno what the helper answered */
  openFile(path: string, opts: OpenOptions): OwnedFd {
    const codec = this.#extended ? file.openFileExtended : file.openFile;
    const tryLoop = (opts.tryLoop ?? false) && this.#extended;
    return this.#open('OPEN', path, opts, codec.encode(openRequest(path, {...opts, tryLoop})));
  }

  /** Asks for a block device; ENOTBLK when the path is something else. @throws Errno */
  openBlockDevice(path: string, opts: Omit<OpenOptions, 'tryLoop'>): OwnedFd {
    return this.#open('BDEV', path, opts, file.openBlockDevice.encode(openRequest(path, opts)));
  }

  /**
   * Finds out whether the helper speaks fuseward's extension. The control channel's end if so; undefined for any
   * refusal, which is what libfuse's helper gives (it knows no such file; which errno depends on its version).
   */
  probeExtension(): OwnedFd | undefined {
    try {
      const control = this.openFile(CONTROL_FILE, {flags: 0, quiet: true});
      this.#extended = true;
      return control;
    } catch (error) {
      if (error instanceof Errno) return undefined;
      throw error;
    }
  }

  /** Extension: a socket on which managers will connect; undefined where the helper has none to give. */
  openListener(): OwnedFd | undefined {
    return this.#openExtension(LISTEN_FILE);
  }

  /** Extension: the list of possible processors, to make a queue for each; undefined where requests are not to travel by io_uring. */
  openQueues(): OwnedFd | undefined {
    return this.#openExtension(QUEUES_FILE);
  }

  #openExtension(name: string): OwnedFd | undefined {
    if (!this.#extended) return undefined;
    try {
      return this.openFile(name, {flags: 0, quiet: true});
    } catch (error) {
      if (error instanceof Errno) return undefined;
      throw error;
    }
  }

  /** Extension: something that the helper has ready for a server that was started without it. @throws Errno ENOENT: there is no such thing */
  openGiven(name: string): OwnedFd {
    if (!this.#extended) throw new Errno('ENOENT', 'OPEN', name);
    return this.openFile(`${GIVEN_PREFIX}${name}`, {flags: 0, quiet: true});
  }

  /** Tells the kernel that no more descriptors are wanted. No file can be asked for afterwards. */
  endFileRequests(): void {
    if (this.#filesDone) return;
    this.#filesDone = true;
    setPassRights(this.#socket.fd, false);
  }

  /** Extension: asks for iomap. `optional` never fails. @throws Errno of the kernel for `mandatory` */
  iomap(mode: commands.IomapMode): void {
    if (!this.#extended) {
      if (mode === 'optional') return;
      throw new Errno('EOPNOTSUPP', 'IOMA');
    }
    this.#command('IOMA', commands.iomap.encode({mode}));
  }

  /** TYPE. @throws Errno EPERM when fuseblk is not for this caller */
  fsopen(fuseblk: boolean): void {
    this.#command('TYPE', commands.fsopen.encode({fuseblk}));
  }

  /** NAME: the source in the mount table. @throws Errno */
  source(name: string): void {
    this.#command('NAME', commands.source.encode({value: name}), name);
  }

  /** MNTP. @throws Errno ENOTDIR, EISDIR when something else is there; EINVAL for a path that the caller did not name */
  mountPoint(path: string, expected: commands.MountPointFormat = 'any'): void {
    this.#command('MNTP', commands.mountPoint.encode({path, expected}), path);
  }

  /** OPTS, comma-separated. Empty text is no option at all and not sent. @throws Errno */
  options(text: string): void {
    if (text !== '') this.#command('OPTS', commands.mountOptions.encode({value: text}), text);
  }

  /** MTAB, comma-separated. Empty text is not sent. @throws Errno */
  mtab(text: string): void {
    if (text !== '') this.#command('MTAB', commands.mtabOptions.encode({value: text}), text);
  }

  /** DOIT, with MS_* bits of mount(2). When it returns, FUSE_INIT is waiting on the fuse descriptor. @throws Errno */
  mount(flags: number): void {
    this.endFileRequests();
    this.#command('DOIT', commands.mountNow.encode({flags}));
  }

  /** Says goodbye with an exit code (0: mounted) and closes. A helper that is gone already is no error. */
  goodbye(exitCode: number): void {
    try {
      sendPacket(this.#socket.fd, commands.goodbye.encode({exitCode}));
    } catch (error) {
      if (errnoOf(error) !== ERRNO.EPIPE && errnoOf(error) !== ERRNO.ECONNRESET) throw error;
    } finally {
      this.close();
    }
  }

  /** Ends the conversation; without a goodbye the helper takes it as a failure. Idempotent. */
  close(): void {
    this.#socket.close();
  }

  #open(packet: string, path: string, opts: OpenOptions, question: Uint8Array): OwnedFd {
    if (this.#filesDone) {
      throw new ProtocolError(packet, 'order', 'EINVAL', 'file requests have been ended', {path});
    }
    const deadline = new Deadline(opts.retryBusyMs ?? 0);
    for (;;) {
      this.#send(packet, question);
      try {
        return this.#receiveFile(path);
      } catch (error) {
        if (!(error instanceof Errno) || error.errno !== ERRNO.EBUSY || deadline.passed) throw error;
      }
      sleepSync(Math.min(RETRY_MS, deadline.left));
    }
  }

  #receiveFile(path: string): OwnedFd {
    const {bytes, fd} = this.#receive('FILE', 1);
    try {
      const answer = file.fileAnswer.decode(bytes);
      if (answer.path !== path) {
        throw new ProtocolError('FILE', 'path', 'EBADMSG', 'not the file that was asked for', {asked: path});
      }
      if ((answer.error === 0) !== (fd !== undefined)) {
        throw new ProtocolError(
          'FILE',
          'descriptor',
          'EBADMSG',
          'a descriptor and an error exclude each other',
          {
            error: answer.error,
            descriptor: fd !== undefined,
          },
        );
      }
      if (fd === undefined) throw new Errno(answer.error, 'open', path);
      return fd;
    } catch (error) {
      fd?.close();
      throw error;
    }
  }

  #command(packet: string, bytes: Uint8Array, object?: string): void {
    this.#send(packet, bytes);
    const {error} = commands.reply.decode(this.#receive('REPL', 0).bytes);
    if (error !== 0) throw new Errno(error, packet, object);
  }

  #send(packet: string, bytes: Uint8Array): void {
    try {
      sendPacket(this.#socket.fd, bytes);
    } catch (error) {
      if (errnoOf(error) === ERRNO.EPIPE || errnoOf(error) === ERRNO.ECONNRESET) throw closed(packet);
      throw error;
    }
  }

  /** One packet with at most `maxFds` descriptors, whole. */
  #receive(packet: string, maxFds: 0 | 1): {bytes: Uint8Array; fd: OwnedFd | undefined} {
    const buffer = new Uint8Array(LARGEST_ANSWER);
    let received: ReturnType<typeof receivePacket>;
    try {
      received = receivePacket(this.#socket.fd, buffer, {maxFds, timeoutMs: this.#timeoutMs});
    } catch (error) {
      if (errnoOf(error) === ERRNO.ECONNRESET) throw closed(packet);
      if (errnoOf(error) === ERRNO.ETIMEDOUT) {
        throw new ProtocolError(packet, 'deadline', 'ETIMEDOUT', 'no answer in time', {
          timeoutMs: this.#timeoutMs,
        });
      }
      throw error;
    }
    const [fd, ...surplus] = received.fds;
    const refuse = (error: ProtocolError): never => {
      fd?.close();
      throw error;
    };
    for (const other of surplus) other.close();
    if (received.controlTruncated || surplus.length > 0) {
      // Also what a security module leaves behind that forbids the descriptor to pass.
      return refuse(new ProtocolError(packet, 'descriptor', 'EBADMSG', 'descriptors were lost on the way'));
    }
    if (received.length === 0) return refuse(closed(packet));
    if (received.truncated) {
      return refuse(new ProtocolError(packet, 'size', 'EBADMSG', 'longer than any answer'));
    }
    return {bytes: buffer.subarray(0, received.length), fd};
  }
}

function openRequest(path: string, opts: OpenOptions): file.OpenRequest {
  return {
    path,
    openFlags: opts.flags,
    createMode: opts.mode ?? 0,
    quiet: opts.quiet ?? false,
    tryLoop: opts.tryLoop ?? false,
    blockSize: opts.blockSize ?? 0,
  };
}

function closed(packet: string): ProtocolError {
  return new ProtocolError(packet, 'closed', 'ECONNRESET', 'the mount helper closed the connection');
}
