import {resolve} from 'node:path';
import {MountRefusal} from '../server/driver.js';
import type {Order} from '../server/mount-options.js';
import {foreignText} from '../service/foreign-text.js';
import type {ServerConversation} from '../service/index.js';
import {Errno} from '../sys/errno.js';
import type {ErrnoCode} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {MS_NODEV, MS_NOSUID} from '../sys/mount-flags.js';
import type {Wishes} from './wishes.js';

/** Requests of a program that are put to the helper, which has an end to its patience for the conversation as a whole. */
const MOST_REQUESTS = 8;
/** Characters of an option and of a path that are repeated. */
const LONGEST_OPTION = 100;
const LONGEST_PLACE = 200;

/** A request of a program that was refused: what it is told. */
export class Refused extends Error {
  /** For programs that called mount(2). */
  readonly errno: ErrnoCode;

  constructor(errno: ErrnoCode, reason: string) {
    super(reason);
    this.errno = errno;
  }
}

/** What a mount is made from. */
export interface MountParts {
  readonly conversation: ServerConversation;
  readonly place: Order;
  /** Where the program was told to mount. */
  readonly target: string;
  readonly fuseDevice: OwnedFd;
  /** Options of the kernel's that the caller named, and MS_* bits. */
  readonly caller: {readonly flags: number; readonly fuse: readonly string[]};
  /** What the helper lets a server ask for. */
  readonly allowOther: boolean;
  readonly fuseblk: boolean;
  /** Called once it is there and before anybody has its descriptor. */
  readonly onMade: () => void;
}

/**
 * The one mount that a program may have. Each of its wishes is asked of the helper, who decides. Once it is made there is no other: whoever asks
 * again gets the same descriptor as long as nobody has read from it, because the first may have been lost on its way.
 */
export class OneMount {
  readonly #parts: MountParts;
  #made = false;
  #taken = false;
  #named = false;
  #requests = 0;
  #refusal: string | undefined;

  constructor(parts: MountParts) {
    this.#parts = parts;
  }

  /** Whether it exists. */
  get made(): boolean {
    return this.#made;
  }

  /** Why the last request was refused. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** From now on there is nothing more to be had: the program reads from its descriptor. */
  close(): void {
    this.#taken = true;
  }

  /**
   * Has the mount made.
   * @param on where the program wants it, absolute; undefined where it was not asked
   * @returns the fuse descriptor; it stays ours
   * @throws Refused the program may try again with others; MountRefusal it is over
   */
  request(wishes: Wishes, on?: string): number {
    try {
      this.#check(wishes, on);
      if (!this.#made) this.#make(wishes);
      return this.#parts.fuseDevice.fd;
    } catch (error) {
      if (error instanceof Refused) this.#refusal = error.message;
      throw error;
    }
  }

  #check({unknown}: Wishes, on: string | undefined): void {
    if (this.#taken) throw new Refused('EBUSY', 'the program has its mount; a second one is not to be had');
    if (++this.#requests > MOST_REQUESTS) throw new Refused('EAGAIN', `more than ${MOST_REQUESTS} requests`);
    const {target} = this.#parts;
    if (on !== undefined && resolve(on) !== resolve(target)) {
      const place = foreignText(on, LONGEST_PLACE);
      throw new Refused('EPERM', `it mounts on ${place}, where its command has {target} for ${target}`);
    }
    const [first] = unknown;
    if (first !== undefined)
      throw new Refused('EINVAL', `unknown option '${foreignText(first, LONGEST_OPTION)}'`);
  }

  #make(wishes: Wishes): void {
    const {conversation, caller, allowOther} = this.#parts;
    this.#name(wishes.fuseblk && this.#parts.fuseblk);
    const fuse = new Set([...caller.fuse, ...wishes.fuse]);
    // A mount of root's is for everybody, as every mount of a kernel's file system is; then permissions have to be checked, and
    // not every program does that.
    if (allowOther) for (const option of ['allow_other', 'default_permissions']) fuse.add(option);
    try {
      conversation.options([...fuse].join(','));
    } catch (error) {
      throw error instanceof Errno ? refusedOptions(error, wishes) : error;
    }
    try {
      conversation.mount(caller.flags | wishes.flags | MS_NOSUID | MS_NODEV);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      throw new MountRefusal(error.code, 'mount-refused', `the mount is not made: ${error.message}`);
    }
    this.#made = true;
    this.#parts.onMade();
  }

  /** What can be said once only. */
  #name(fuseblk: boolean): void {
    if (this.#named) return;
    const {conversation, place} = this.#parts;
    conversation.fsopen(fuseblk);
    conversation.source(place.source);
    conversation.mountPoint(place.target);
    this.#named = true;
  }
}

/** The helper tells an errno alone, and which option it was can be told from that. */
function refusedOptions(error: Errno, {fuse}: Wishes): Refused {
  if (error.code === 'EPERM' && fuse.includes('allow_other')) {
    const advice = 'policy needs allow_other = true (where the caller is not root: allow_other_users = true)';
    return new Refused('EPERM', `option allow_other is not allowed: ${advice}`);
  }
  return new Refused('EINVAL', `the mount helper takes none of these options: ${fuse.join(',')}`);
}
