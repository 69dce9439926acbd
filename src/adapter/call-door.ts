import {log} from '../server/log.js';
import {foreignText} from '../service/foreign-text.js';
import {FLAG_OPTIONS} from '../service/option-table.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO, type ErrnoCode} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {MS_NODEV, MS_NOSUID, MS_SILENT} from '../sys/mount-flags.js';
import {
  answerNotification,
  giveDescriptor,
  isWaiting,
  type Notification,
  receiveNotification,
} from '../sys/seccomp-notify.js';
import {syscallNumber} from '../sys/syscall-numbers.js';
import {CallerMemory} from './caller-memory.js';
import type {Door} from './door.js';
import {type OneMount, Refused} from './one-mount.js';
import {sortWishes, type Wishes} from './wishes.js';

/** What mount(2) itself takes: a page of each. */
const LONGEST_TEXT = 4096;
const O_CLOEXEC = 0o2000000;
/** MS_* bits of a new mount; others change mounts that there are. */
const NEW_MOUNT = [...FLAG_OPTIONS.values()].reduce((all, {flag}) => all | flag, MS_SILENT);
/** Bits that no list of options has a word for, or that are a matter of course. */
const OMITTED = MS_SILENT | MS_NOSUID | MS_NODEV;
/** mount(2) ignores this in the upper half of its flags. */
const MS_MGC_VAL = 0xc0ed0000;
const MS_MGC_MSK = 0xffff0000;

/**
 * mount(2) and umount2(2) of the program, which wait for an answer here. The call is never made: the helper makes the mount, and what the program
 * opened as its fuse device becomes the true one before the call returns.
 */
export class CallDoor implements Door {
  readonly name = 'mount(2)';
  readonly #mount: OneMount;
  readonly #listener: OwnedFd;

  constructor(mount: OneMount, listener: OwnedFd) {
    this.#mount = mount;
    this.#listener = listener;
  }

  readonly fds = (): readonly number[] => [this.#listener.fd];

  serve(fd: number): void {
    const call = receiveNotification(fd);
    if (call === undefined) return;
    let error: ErrnoCode | undefined = 'EPERM';
    try {
      // An unmount would have to be of its own mount, which ends with it anyway.
      if (call.nr !== syscallNumber('mount')) error = this.#mount.made ? undefined : 'EINVAL';
      else error = this.#perform(call);
    } finally {
      answerNotification(fd, call.id, error);
    }
  }

  close(): void {
    this.#listener.close();
  }

  /** @returns what the call fails with */
  #perform(call: Notification): ErrnoCode | undefined {
    const memory = new CallerMemory(call.pid);
    const [source, target, type, flags, data] = call.args as [bigint, bigint, bigint, bigint, bigint];
    const texts = memory.texts([source, target, type, data], LONGEST_TEXT);
    const place = texts === undefined ? '' : memory.absolute(texts[1]!);
    if (!isWaiting(this.#listener.fd, call.id)) return 'EINTR';
    if (texts === undefined) return 'EFAULT';
    const [, , kind, options] = texts as [string, string, string, string];
    if (!/^fuse(?:blk)?(?:\.|$)/.test(kind)) return 'EPERM';
    const wishes = wishesOf(kind, flags, options);
    const device = /(?:^|,)fd=(\d{1,9})(?:,|$)/.exec(options)?.[1];
    const open = device === undefined ? undefined : memory.descriptorFlags(Number(device));
    if (wishes === undefined || open === undefined) return 'EINVAL';
    try {
      const fd = this.#mount.request(wishes, place);
      log('info', {options: foreignText(options, 200)}, 'the program asks by mount(2)');
      giveDescriptor(this.#listener.fd, call.id, {
        fd,
        as: Number(device),
        closeOnExec: (open & O_CLOEXEC) !== 0,
      });
      return undefined;
    } catch (error) {
      if (error instanceof Refused) return error.errno;
      // A number that it can't have any more: it changed its descriptors meanwhile.
      if (errnoOf(error) !== ERRNO.EBADF && errnoOf(error) !== ERRNO.EMFILE) throw error;
      return 'EBADF';
    }
  }
}

/** undefined for what is no new mount. */
function wishesOf(kind: string, rawFlags: bigint, options: string): Wishes | undefined {
  const low = Number(rawFlags & 0xffffffffn);
  const flags = ((low & MS_MGC_MSK) >>> 0 === MS_MGC_VAL ? low & ~MS_MGC_MSK : low) >>> 0;
  if (rawFlags >> 32n !== 0n || (flags & ~NEW_MOUNT) !== 0) return undefined;
  const wishes = sortWishes(options.split(','));
  return {
    ...wishes,
    flags: wishes.flags | (flags & ~OMITTED),
    fuseblk: wishes.fuseblk || kind.startsWith('fuseblk'),
  };
}
