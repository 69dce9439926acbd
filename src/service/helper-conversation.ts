import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {
  receivePacket,
  type SenderCredentials,
  sendPacket,
  setPassCredentials,
  waitReadable,
  waitWritable,
} from '../sys/socket.js';
import * as commands from './commands.js';
import type {Deadline} from './deadline.js';
import * as file from './file.js';
import {foreignText} from './foreign-text.js';
import {hello, helloReply} from './hello.js';
import type {Log} from './log.js';
import {
  ARGV_FILE,
  CONTROL_FILE,
  FUSEDEV_FILE,
  GIVEN_PREFIX,
  LISTEN_FILE,
  MAX_PACKET_SIZE,
  MIN_PACKET_SIZE,
  PATH_MAX,
  type PacketName,
  PROTOCOL_VERSION,
  packetName,
  QUEUES_FILE,
} from './magic.js';
import {magicOf, type PacketCodec, packetText} from './packet.js';
import {ProtocolError} from './protocol-error.js';

/**
 * What the privileged end does for the server. Each call acts or throws; the errno of what it throws is the
 * answer. Descriptors given back are sent and then closed by the conversation.
 */
export interface HelperActions {
  openFile(request: file.OpenRequest): OwnedFd;
  openBlockDevice(request: file.OpenRequest): OwnedFd;
  /** Called when the answer to OPEN or BDEV is on its way. */
  answeredOpen?(): void;
  /** The server's end of the control channel: it speaks the extension. */
  openControl(): OwnedFd;
  /** A listening socket for managers to reach the server by. */
  openListener(): OwnedFd;
  /** Extension: the list of possible processors. @throws Errno where requests are not to travel by io_uring */
  openQueues(): OwnedFd;
  /** Something that lies ready for this server, by its name. @throws Errno ENOENT */
  openGiven(name: string): OwnedFd;
  setIomap(mode: commands.IomapMode): void;
  setType(fuseblk: boolean): void;
  setSource(name: string): void;
  setMountPoint(path: string, expected: commands.MountPointFormat): void;
  setOptions(text: string): void;
  setMtab(text: string): void;
  /** Called once TYPE is optional, NAME and MNTP were taken. `flags` are MS_* bits that nobody has checked. */
  mount(flags: number): void;
}

/** What a server is told with the hello. */
export interface Welcome {
  readonly allowOther: boolean;
  readonly fuseblk: boolean;
}

function helloFor({allowOther, fuseblk}: Welcome): Uint8Array {
  return hello.encode({
    minVersion: PROTOCOL_VERSION,
    maxVersion: PROTOCOL_VERSION,
    allowOther,
    fuseblk,
  });
}

/** Before the hello, so that its answer has them: a packet that was sent earlier tells nothing of its sender. */
function prepareForHello(socket: OwnedFd): void {
  setPassCredentials(socket.fd, true);
}

/**
 * The first word of a conversation before there is one, to a server that waits, which answers while its mount is still looked at. It tells nothing of the mount but
 * what `Welcome` has. Does not wait. @throws Errno when the server is gone
 */
export function sayHello(socket: OwnedFd, welcome: Welcome): void {
  prepareForHello(socket);
  sendPacket(socket.fd, helloFor(welcome), [], {timeoutMs: 0});
}

/** How a conversation ended. */
export type Outcome = {ended: 'goodbye'; exitCode: number} | {ended: 'failed'; reason: ProtocolError};

/** An honest server sends a dozen, and some fifty while it waits for a busy device. */
const MOST_PACKETS = 512;
/** What the kernel says for a user that our user namespace does not know. */
const OVERFLOW_UID = 65534;
/** Longest stretch for which the event loop stands still. */
const SLICE_MS = 20;

type Once = 'TYPE' | 'NAME' | 'MNTP' | 'OPTS' | 'MTAB' | 'DOIT';

/**
 * The privileged end of the conversation. The other end is assumed hostile: each packet is checked for size, terminator,
 * being given twice, unknown flags and permission, in this order, and gets exactly one answer. What is not in the list
 * of commands ends the conversation.
 */
export class HelperConversation {
  readonly #socket: OwnedFd;
  readonly #actions: HelperActions;
  readonly #log: Log;
  readonly #deadline: Deadline;
  readonly #ended: () => boolean;
  readonly #given = new Set<Once>();
  readonly #buffer = new Uint8Array(MAX_PACKET_SIZE);
  #packets = 0;
  #extended = false;
  #sender: SenderCredentials | undefined;

  /** `ended` tells that the server's process is gone, in case something else still holds its socket. */
  constructor(
    opts: {socket: OwnedFd; deadline: Deadline; ended?: (() => boolean) | undefined},
    {actions, log}: {actions: HelperActions; log: Log},
  ) {
    this.#socket = opts.socket;
    this.#deadline = opts.deadline;
    this.#ended = opts.ended ?? (() => false);
    this.#actions = actions;
    this.#log = log;
    prepareForHello(opts.socket);
  }

  /** True once the server has asked for the control channel. */
  get extended(): boolean {
    return this.#extended;
  }

  /**
   * The process that answered the hello, by the kernel's word: with a service socket nothing else tells which process the
   * server is. Undefined before, and for one that is not in our pid namespace.
   */
  get serverPid(): number | undefined {
    const pid = this.#sender?.pid ?? 0;
    return pid > 0 ? pid : undefined;
  }

  /** The user id of that process, the one that it really has; undefined for root, who needs nobody's rights, and where it is not known. */
  get serverUid(): number | undefined {
    const uid = this.#sender?.uid ?? 0;
    return uid > 0 && uid !== OVERFLOW_UID ? uid : undefined;
  }

  /**
   * Hello, and the two files that every server needs. The caller keeps its descriptors.
   * @param opts `greeted`: `sayHello` has been called
   * @throws ProtocolError
   */
  async greet(
    opts: Welcome & {argv: OwnedFd; fuseDevice: OwnedFd; greeted?: boolean | undefined},
  ): Promise<void> {
    if (opts.greeted !== true) this.#send(helloFor(opts));
    await this.#readable();
    const {version} = helloReply.decode(this.#receive());
    if (version !== PROTOCOL_VERSION) {
      throw new ProtocolError('LAST', 'version', 'EOPNOTSUPP', 'protocol version was not offered', {version});
    }
    this.#sendFile(ARGV_FILE, opts.argv);
    this.#sendFile(FUSEDEV_FILE, opts.fuseDevice);
  }

  /** Answers commands until the server says goodbye or the conversation fails. Never throws for what the server does. */
  async run(): Promise<Outcome> {
    for (;;) {
      try {
        await this.#readable();
        const outcome = this.step();
        if (outcome !== undefined) return outcome;
      } catch (error) {
        if (error instanceof ProtocolError) return {ended: 'failed', reason: error};
        throw error;
      }
    }
  }

  /** Takes the next command, waiting for it until the deadline, and answers it. @throws ProtocolError when it is all over */
  step(): Outcome | undefined {
    const packet = this.#receive();
    this.#packets++;
    if (this.#packets > MOST_PACKETS) {
      throw new ProtocolError('command', 'too-many', 'EPROTO', `more than ${MOST_PACKETS} commands`);
    }
    if (packet.length < MIN_PACKET_SIZE) {
      throw new ProtocolError('command', 'size', 'EPROTO', 'no room for a magic', {length: packet.length});
    }
    const magic = magicOf(packet);
    const name = packetName(magic);
    switch (name) {
      case 'OPEN':
      case 'BDEV':
        this.#handleOpen(name, packet);
        return undefined;
      case 'TYPE':
        this.#once(name, commands.fsopen, packet, ({fuseblk}) => this.#actions.setType(fuseblk));
        return undefined;
      case 'NAME':
        this.#once(name, commands.source, packet, ({value}) => this.#actions.setSource(value));
        return undefined;
      case 'MNTP':
        this.#once(name, commands.mountPoint, packet, ({path, expected}) =>
          this.#actions.setMountPoint(path, expected),
        );
        return undefined;
      case 'OPTS':
        this.#once(name, commands.mountOptions, packet, ({value}) => this.#actions.setOptions(value));
        return undefined;
      case 'MTAB':
        this.#once(name, commands.mtabOptions, packet, ({value}) => this.#actions.setMtab(value));
        return undefined;
      case 'DOIT':
        this.#once(name, commands.mountNow, packet, ({flags}) => this.#mount(flags));
        return undefined;
      case 'BYEE':
        return this.#handleGoodbye(packet);
      case 'IOMA':
        // Without the extension nobody has defined this packet.
        if (!this.#extended) break;
        this.#answer(name, () => this.#actions.setIomap(commands.iomap.decode(packet).mode));
        return undefined;
      default:
        break;
    }
    throw new ProtocolError(name ?? 'command', 'magic', 'EPROTO', 'no such command', {
      magic: `0x${magic.toString(16)}`,
    });
  }

  #mount(flags: number): void {
    for (const needed of ['NAME', 'MNTP'] as const) {
      if (!this.#given.has(needed)) {
        throw new ProtocolError('DOIT', 'order', 'EINVAL', `${needed} must come before`);
      }
    }
    this.#actions.mount(flags);
  }

  /** A command that may be taken once; one that was refused may be tried again. */
  #once<T>(name: Once, codec: PacketCodec<T>, packet: Uint8Array, act: (value: T) => void): void {
    this.#answer(name, () => {
      codec.checkShape(packet);
      if (this.#given.has(name)) throw new ProtocolError(name, 'given-twice', 'EINVAL', 'given twice');
      act(codec.decode(packet));
      this.#given.add(name);
    });
  }

  /** Acts and sends the one REPL. */
  #answer(name: PacketName, act: () => void): void {
    let error = 0;
    try {
      act();
    } catch (thrown) {
      error = this.#refusal(name, thrown, false);
    }
    this.#send(commands.reply.encode({error}));
  }

  /** Opens and sends the one FILE: with the path asked for, or `?` where it could not be read. */
  #handleOpen(name: 'OPEN' | 'BDEV', packet: Uint8Array): void {
    const openCodec = this.#extended ? file.openFileExtended : file.openFile;
    const codec = name === 'BDEV' ? file.openBlockDevice : openCodec;
    let path = '?';
    let quiet = false;
    let opened: OwnedFd | undefined;
    let error = 0;
    try {
      codec.checkShape(packet);
      if (packet.length > codec.headerSize + PATH_MAX) {
        throw new ProtocolError(name, 'size', 'EINVAL', 'path is longer than PATH_MAX', {
          length: packet.length,
        });
      }
      path = packetText(codec, packet);
      const request = codec.decode(packet);
      quiet = request.quiet;
      opened = this.#open(name, request);
    } catch (thrown) {
      error = this.#refusal(name, thrown, quiet);
    }
    try {
      this.#send(file.fileAnswer.encode({error, path}), opened);
    } finally {
      opened?.close();
    }
    this.#actions.answeredOpen?.();
  }

  #open(name: 'OPEN' | 'BDEV', request: file.OpenRequest): OwnedFd {
    if (name === 'BDEV') return this.#actions.openBlockDevice(request);
    if (request.path === LISTEN_FILE && this.#extended) return this.#actions.openListener();
    if (request.path === QUEUES_FILE && this.#extended) return this.#actions.openQueues();
    if (request.path.startsWith(GIVEN_PREFIX) && this.#extended) {
      return this.#actions.openGiven(request.path.slice(GIVEN_PREFIX.length));
    }
    if (request.path !== CONTROL_FILE) return this.#actions.openFile(request);
    const end = this.#actions.openControl();
    this.#extended = true;
    return end;
  }

  /** A malformed goodbye is answered like any other malformed command; a good one has no answer. */
  #handleGoodbye(packet: Uint8Array): Outcome | undefined {
    try {
      return {ended: 'goodbye', exitCode: commands.goodbye.decode(packet).exitCode};
    } catch (thrown) {
      this.#send(commands.reply.encode({error: this.#refusal('BYEE', thrown, false)}));
      return undefined;
    }
  }

  /** The errno to answer with. EBUSY is not complained about: the server may try again. */
  #refusal(name: PacketName, thrown: unknown, quiet: boolean): number {
    const errno = errnoOf(thrown);
    const values =
      thrown instanceof ProtocolError
        ? {packet: name, errno, code: thrown.code, ...thrown.details}
        : {packet: name, errno};
    const reason = foreignText(thrown instanceof Error ? thrown.message : String(thrown));
    if (quiet || errno === ERRNO.EBUSY) this.#log.debug({...values, reason}, 'request refused');
    else this.#log.warn({...values, reason}, 'request refused');
    return errno;
  }

  #sendFile(path: string, fd: OwnedFd): void {
    this.#send(file.fileAnswer.encode({error: 0, path}), fd);
  }

  /** A server that does not read its answers must not hold the helper beyond the deadline. */
  #send(bytes: Uint8Array, fd?: OwnedFd): void {
    try {
      if (!waitWritable(this.#socket.fd, this.#deadline.left)) throw this.#late();
      sendPacket(this.#socket.fd, bytes, fd === undefined ? [] : [fd.fd]);
    } catch (error) {
      throw lostConnection(error);
    }
  }

  /** Lets the event loop turn until there is something to read. Whether the server runs is looked at only where it is silent. */
  async #readable(): Promise<void> {
    while (!waitReadable(this.#socket.fd, Math.min(SLICE_MS, this.#deadline.left))) {
      if (this.#ended()) {
        // What it said last came before its end.
        if (waitReadable(this.#socket.fd, 0)) return;
        throw withoutGoodbye();
      }
      if (this.#deadline.passed) throw this.#late();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #receive(): Uint8Array {
    let received: ReturnType<typeof receivePacket>;
    try {
      received = receivePacket(this.#socket.fd, this.#buffer, {
        maxFds: 0,
        timeoutMs: this.#deadline.left,
        credentials: true,
      });
    } catch (error) {
      if (errnoOf(error) === ERRNO.ETIMEDOUT) throw this.#late();
      throw lostConnection(error);
    }
    for (const fd of received.fds) fd.close();
    if (received.controlTruncated || received.fds.length > 0) {
      throw new ProtocolError('command', 'descriptor', 'EPROTO', 'descriptors are not taken from a server');
    }
    if (received.length === 0) throw withoutGoodbye();
    if (received.truncated) {
      throw new ProtocolError('command', 'size', 'EPROTO', `longer than ${MAX_PACKET_SIZE} bytes`);
    }
    this.#sender ??= received.credentials;
    return this.#buffer.subarray(0, received.length);
  }

  #late(): ProtocolError {
    return new ProtocolError('command', 'deadline', 'ETIMEDOUT', 'the server did not finish in time');
  }
}

function withoutGoodbye(): ProtocolError {
  return new ProtocolError('command', 'closed', 'ECONNRESET', 'the server exited without saying goodbye');
}

/** A broken pipe is the server's end, not a fault of ours. */
function lostConnection(error: unknown): unknown {
  const errno = errnoOf(error);
  return errno === ERRNO.EPIPE || errno === ERRNO.ECONNRESET ? withoutGoodbye() : error;
}
