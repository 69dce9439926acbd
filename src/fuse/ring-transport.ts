import {mapAnonymous} from '../sys/anonymous-memory.js';
import {Errno, errnoText} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {setNonBlocking} from '../sys/fd.js';
import {COMMAND_SIZE, CommandRing, FIXED_FILE} from '../sys/io-uring.js';
import {hasHungUp, waitReadable} from '../sys/poll.js';
import {readBytes} from '../sys/raw-io.js';
import {BusyPoll} from './busy-poll.js';
import {
  afterRead,
  type BlockingOptions,
  BUSY_POLL_MS,
  type ConnectionEnd,
  replyTo,
  runBlocking,
} from './device-transport.js';
import {LARGEST_WRITE} from './init.js';
import type {RequestSlot, SendReply} from './request-slot.js';
import {ENTRY_HEAD, RingEntry, URING_CMD} from './ring-entry.js';
import type {Session} from './session.js';

/** Entries of a queue, and of all queues together where there are many. */
const ENTRIES = 4;
const ALL_ENTRIES = 64;
/** Processors that a machine may have for this; with more, the buffers alone would be a burden. */
const MOST_QUEUES = 256;

/** IORING_OP_POLL_ADD, its flag for going on after the first event, and the event. */
const POLL_ADD = 6;
const POLL_MULTISHOT = 1;
const POLLIN = 1;
/** Fields of its command (struct io_uring_sqe). */
const POLL_SQE = {operation: 0, flags: 1, length: 24, events: 28, tag: 32} as const;
/** How often entries are offered to a kernel that says that it is not ready. */
const REGISTER_TRIES = 100;

/** An answer of so many bytes goes to the kernel before the next request is looked at. */
const LONG_ANSWER = 65_536;

export interface RingOptions {
  /** One for each processor that the machine may ever have (/sys/devices/system/cpu/possible), 1 to 256. */
  readonly queues: number;
}

/** What a ring's owner wants to be told of. */
export interface RingHooks {
  /** On which processor the caller of a request runs; called before the request is served. */
  readonly onQueue?: (queue: number) => void;
  /** Whether the thread is kept where its callers are: who goes to sleep there is woken soonest, and nothing is looked for. */
  readonly isBesideCaller?: () => boolean;
  /** Requests travel by the ring from now on, or never will; `reason` says why not, or why not all of them. */
  readonly onTransport?: (ring: boolean, reason?: string) => void;
}

/**
 * FUSE over io_uring (Documentation/filesystems/fuse/fuse-io-uring.rst): a request is a completion, its answer and the wish for the next one
 * command. One thread serves the queues of all processors. What can't come this way (INIT, FORGET, INTERRUPT) is read from the device.
 *
 * To be made before a lock-down, by the thread that will run it: afterwards `io_uring_enter` on `fd`, and read and write on the device, are
 * all that it needs. Requests that are held (`HOLD`) keep their entries.
 */
export class RingTransport {
  readonly #fuseFd: number;
  readonly #ring: CommandRing;
  readonly #entries: RingEntry[] = [];
  readonly #pollPlace: number;
  #busyPoll = new BusyPoll(0);
  /** Where answers to requests from the device are written. */
  readonly #ownReply = new Uint8Array(LARGEST_WRITE + ENTRY_HEAD);
  readonly #ownReplyView = new DataView(this.#ownReply.buffer);
  /** Entries that the kernel has or will have again. */
  #live = 0;
  /** An answer was so long that it should not wait for others. */
  #longAnswer = false;

  /** Makes the ring and all buffers, and the device non-blocking. @throws Errno where the kernel or its settings don't allow it */
  constructor(fuseFd: number, {queues}: RingOptions) {
    if (!Number.isInteger(queues) || queues < 1 || queues > MOST_QUEUES) {
      throw new Errno('EINVAL', 'io_uring', `${queues} queues`);
    }
    this.#fuseFd = fuseFd;
    const each = Math.max(1, Math.min(ENTRIES, Math.floor(ALL_ENTRIES / queues)));
    const count = each * queues;
    this.#pollPlace = count;
    this.#ring = new CommandRing({
      // Odd, so that it is told from rings of the runtime's (`launch/first-filter.ts`); the kernel rounds it up.
      commands: (count + 1) | 1,
      files: [fuseFd],
      operations: [URING_CMD, POLL_ADD],
    });
    try {
      const bytes = ENTRY_HEAD + LARGEST_WRITE;
      const {address, buffer} = mapAnonymous(count * bytes);
      for (let place = 0; place < count; place++) {
        const memory = new Uint8Array(buffer, place * bytes, bytes);
        const where = {memory, address: address + place * bytes, commands: this.#ring.commands, place};
        this.#entries.push(new RingEntry({...where, queue: place % queues}, this.#answered));
      }
      setNonBlocking(fuseFd);
    } catch (error) {
      this.#ring.close();
      throw error;
    }
  }

  /** The ring's descriptor. */
  get fd(): number {
    return this.#ring.fd;
  }

  /**
   * Serves the mount until it ends, as `runBlocking` does, which takes over where the kernel does not offer rings or does not take ours.
   * @throws as `runBlocking`
   */
  run(session: Session, hooks: RingHooks = {}, options: BlockingOptions = {}): ConnectionEnd {
    this.#busyPoll = new BusyPoll(options.busyPollMs ?? BUSY_POLL_MS);
    const device = replyTo(this.#fuseFd);
    while (session.connection === undefined) {
      waitReadable(this.#fuseFd);
      const end = this.#drainDevice(session, device);
      if (end !== undefined) return end;
    }
    const offered = session.connection.flags.has('OVER_IO_URING');
    const early: RingEntry[] = [];
    const reason = offered ? this.#register(early) : 'the kernel does not offer it';
    hooks.onTransport?.(this.#live > 0, reason);
    if (this.#live === 0) return runBlocking(this.#fuseFd, session, options);
    for (const entry of early) this.#serve(entry, session, hooks);
    this.#pollDevice();
    return this.#loop(session, device, hooks);
  }

  /**
   * Gives all entries to the kernel. Requests wait until it has one of each queue.
   * @param early gets those that come back with a request at once
   * @returns why the kernel does not take them, or not all of them: what it does not send by the ring then comes by the device
   */
  #register(early: RingEntry[]): string | undefined {
    const ring = this.#ring;
    for (const {place} of this.#entries) ring.put(place);
    this.#live = this.#entries.length;
    let reason: string | undefined;
    let again = this.#live;
    for (let tries = 1; tries <= REGISTER_TRIES && again > 0; tries++) {
      ring.enter(0);
      again = 0;
      // A command that the kernel does not take is complete within `enter`.
      while (ring.next()) {
        const entry = this.#entries[ring.tag]!;
        if (ring.result === 0) early.push(entry);
        else if (ring.result === -ERRNO.EAGAIN && tries < REGISTER_TRIES) {
          ring.put(entry.place);
          again++;
        } else {
          this.#live--;
          reason = `the kernel does not take its queues: ${errnoText(-ring.result)}`;
        }
      }
    }
    for (const entry of this.#entries) entry.registered();
    return reason;
  }

  #loop(session: Session, device: SendReply, hooks: RingHooks): ConnectionEnd {
    const ring = this.#ring;
    const look = (): boolean => {
      ring.enter(0);
      return ring.ready;
    };
    for (;;) {
      if (hooks.isBesideCaller?.() === true || !this.#busyPoll.search(look)) {
        // As in `runBlocking`: what else there is to do is seen before a sleep of any length.
        session.hooks.beforeWait?.();
        ring.enter(1);
        this.#busyPoll.woken();
      }
      let completed = false;
      while (ring.next()) {
        completed = true;
        if (ring.tag !== this.#pollPlace) {
          this.#complete(this.#entries[ring.tag]!, session, hooks);
          continue;
        }
        if (!ring.more) this.#pollDevice();
        const end = this.#drainDevice(session, device);
        if (end !== undefined) return end;
      }
      if (!completed && !ring.overflown) session.hooks.beforeWait?.();
      if (this.#live === 0) return this.#lastWord(session, device);
    }
  }

  #complete(entry: RingEntry, session: Session, hooks: RingHooks): void {
    const {result} = this.#ring;
    switch (-result) {
      case 0:
        this.#serve(entry, session, hooks);
        return;
      case ERRNO.EINTR:
      case ERRNO.EAGAIN:
        this.#ring.put(entry.place);
        return;
      case ERRNO.ENOTCONN:
      case ERRNO.ECONNABORTED:
      case ERRNO.ECANCELED:
        this.#live--;
        return;
      default:
        this.#live--;
        session.report(new Error(`the kernel refused an answer: ${errnoText(-result)}`), {
          opcode: 0,
          nodeid: 0,
        });
    }
  }

  #serve(entry: RingEntry, session: Session, hooks: RingHooks): void {
    hooks.onQueue?.(entry.queue);
    const slot = this.#acquire(session);
    const length = entry.take(slot);
    if (length === 0) {
      session.release(slot);
      entry.refuse(ERRNO.EIO);
      this.#ring.put(entry.place);
      return;
    }
    session.handle(slot, length, entry.send, false);
    this.#busyPoll.answered();
    if (!this.#longAnswer) return;
    this.#longAnswer = false;
    this.#ring.enter(0);
  }

  #acquire(session: Session): RequestSlot {
    for (;;) {
      const slot = session.acquire();
      if (slot !== undefined) return slot;
      if (session.held === 0) throw new Error('requests are waiting in a transport that does not wait');
      session.hooks.onHeldFull?.();
      if (hasHungUp(this.#fuseFd)) session.end();
    }
  }

  /** Serves what waits on the device. @returns how the connection ended, if it did */
  #drainDevice(session: Session, device: SendReply): ConnectionEnd | undefined {
    for (;;) {
      const slot = this.#acquire(session);
      slot.replyInto(this.#ownReply, this.#ownReplyView);
      const length = readBytes(this.#fuseFd, slot.request);
      if (length >= 0) {
        session.handle(slot, length, device, false);
        continue;
      }
      session.release(slot);
      const meaning = afterRead(-length);
      if (meaning === 'wait') return undefined;
      if (meaning === 'repeat') continue;
      session.end();
      return meaning;
    }
  }

  /** No entry is left: the device tells why. */
  #lastWord(session: Session, device: SendReply): ConnectionEnd {
    for (;;) {
      waitReadable(this.#fuseFd);
      const end = this.#drainDevice(session, device);
      if (end !== undefined) return end;
    }
  }

  /** Has a completion come whenever the device can be read. */
  #pollDevice(): void {
    const {commands} = this.#ring;
    const at = this.#pollPlace * COMMAND_SIZE;
    commands.setUint8(at + POLL_SQE.operation, POLL_ADD);
    commands.setUint8(at + POLL_SQE.flags, FIXED_FILE);
    commands.setUint32(at + POLL_SQE.length, POLL_MULTISHOT, true);
    commands.setUint32(at + POLL_SQE.events, POLLIN, true);
    commands.setUint32(at + POLL_SQE.tag, this.#pollPlace, true);
    this.#ring.put(this.#pollPlace);
  }

  readonly #answered = (entry: RingEntry, length: number): void => {
    if (length >= LONG_ANSWER) this.#longAnswer = true;
    this.#ring.put(entry.place);
  };
}
