/**
 * Messages from the server to the kernel that no request asked for.
 *
 * **Deadlock rule.** invalEntry, delete, invalInode and store take locks in the kernel that a request which is waiting for this
 * server may hold, and the write blocks until they are free. So they are sent from a thread (or process) that the
 * server does not need for answering, never from inside a handler, and never before the reply to the request that caused
 * them. With `runBlocking` the natural sender is the main thread, on the same descriptor; with `serveEvents` it is another
 * thread. poll, retrieve, resend, incEpoch and prune wait for nobody.
 */
import {Errno, errnoOf} from '../sys/errno.js';
import {
  encodeDelete,
  encodeIncEpoch,
  encodeInvalEntry,
  encodeInvalInode,
  encodePoll,
  encodePrune,
  encodeResend,
  encodeRetrieve,
  encodeStore,
} from './notification-codec.js';
import type {SendReply} from './request-slot.js';

/** What a RETRIEVE brought: the cached bytes from `offset` on, maybe fewer than asked for. */
export interface RetrievedPages {
  readonly offset: number;
  readonly data: Uint8Array;
}

interface PendingRetrieve {
  readonly resolve: (pages: RetrievedPages) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sends notifications to one connection. Each method throws what the kernel answered: ENOENT for a node or name that
 * it does not have (often no error: there is nothing to drop), EINVAL for a notification it does not know, ENOTDIR, ENOTEMPTY and EBUSY
 * for deletions and the names of mount points, ENODEV and EPERM when the mount is gone.
 */
export class Notifier {
  readonly #send: SendReply;
  readonly #pending = new Map<number, PendingRetrieve>();
  #lastUnique = 0;

  /** @param send writes one message to the device and throws Node's or our error (`notifyVia(fd)`). */
  constructor(send: SendReply) {
    this.#send = send;
  }

  /** Wakes those who poll; `kh` as the poll handler got it. */
  poll(kh: number): void {
    this.#write(encodePoll(kh));
  }

  /**
   * Drops cached attributes, and cached pages from `offset` on, `length` bytes or with 0 all of them. A negative offset drops
   * attributes only.
   */
  invalInode(ino: number, offset = 0, length = 0): void {
    this.#write(encodeInvalInode(ino, offset, length));
  }

  /** Drops a name, so that it is looked up again. `expireOnly` lets those who use it now keep it. */
  invalEntry(parent: number, name: Uint8Array, options: {expireOnly?: boolean} = {}): void {
    this.#write(encodeInvalEntry(parent, name, options.expireOnly ?? false));
  }

  /** Says that a name was removed: as invalEntry, and watchers (inotify) see a deletion. */
  delete(parent: number, child: number, name: Uint8Array): void {
    this.#write(encodeDelete(parent, child, name));
  }

  /** Puts data into the page cache of a file. Grows the size the kernel knows when it goes past it. */
  store(ino: number, offset: number, data: Uint8Array): void {
    this.#write(encodeStore(ino, offset, data));
  }

  /**
   * Gets data out of the page cache: resolves with as much as is there in one piece from `offset` on. The answer is a request
   * that the session reads; its `onRetrieved` hook must lead to `retrieved` here.
   */
  retrieve(ino: number, offset: number, size: number): Promise<RetrievedPages> {
    const unique = ++this.#lastUnique;
    return new Promise((resolve, reject) => {
      // Before the write, as another thread may have the answer while write(2) still returns.
      this.#pending.set(unique, {resolve, reject});
      try {
        this.#write(encodeRetrieve(unique, ino, offset, size));
      } catch (error) {
        this.#pending.delete(unique);
        reject(error);
      }
    });
  }

  /** Takes the answer to a retrieve. `data` is copied. False for one that nobody waits for. */
  retrieved(notifyUnique: number, offset: number, data: Uint8Array): boolean {
    const pending = this.#pending.get(notifyUnique);
    if (pending === undefined) return false;
    this.#pending.delete(notifyUnique);
    pending.resolve({offset, data: data.slice()});
    return true;
  }

  /** Has every request that the server read but did not answer sent again, marked with `ctx.resent`. */
  resend(): void {
    this.#write(encodeResend());
  }

  /** Makes every name of the mount expire. */
  incEpoch(): void {
    this.#write(encodeIncEpoch());
  }

  /** Asks the kernel to drop these nodes if nobody uses them, so that it forgets them. */
  prune(nodeids: readonly number[]): void {
    this.#write(encodePrune(nodeids));
  }

  /** Rejects all retrieves that have no answer with ECANCELED: the connection is gone. */
  close(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const {reject} of pending) reject(new Errno('ECANCELED', 'write', 'fuse device'));
  }

  #write(message: Uint8Array): void {
    try {
      this.#send(message, message.length);
    } catch (error) {
      throw new Errno(errnoOf(error), 'write', 'fuse device');
    }
  }
}
