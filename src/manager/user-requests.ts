import type {OwnedFd} from '../sys/fd.js';
import type {CommandRunner} from './command-runner.js';
import {ManagerError} from './face.js';
import {isLost} from './health.js';
import type {MountView} from './model.js';
import {UNNAMED, unmountByCommand} from './mount-commands.js';
import type {UserCaller, UserService} from './user-door.js';
import {LONGEST_USER_PACKET, type UserAnswer, type UserRequest} from './user-protocol.js';
import type {WatchedMount} from './watched-mount.js';

/** The command keeps its own deadline, which policy may raise. One that is still there after this hangs, perhaps on what it was given. */
const MOUNT_MS = 120_000;
/** Room in a packet for what is around a list. */
const ENVELOPE_BYTES = 256;

/** What of the manager ordinary users get to move. */
export interface UserDomain {
  /** The mounts of all users, as they are now. */
  all(): readonly WatchedMount[];
  view(mount: WatchedMount): MountView;
  /** Takes a mount away whose server is of no use any more. False when something is in the way. */
  removeLost(mount: WatchedMount): boolean;
  /** Looks at the machine again, since something was done to it. */
  look(): void;
  /** A mount was refused. */
  denied(facts: Record<string, unknown>): void;
}

/**
 * Does for an ordinary user what he may: mount what he opened himself, and see and unmount the mounts that were made for him. A mount is
 * made by a command of its own, which gets the connection and does all the rest; nothing that comes over it is held here.
 */
export class UserRequests implements UserService {
  readonly #domain: UserDomain;
  readonly #commands: CommandRunner;
  readonly #policyWords: () => string[];

  constructor(
    domain: UserDomain,
    {commands, policyWords}: {commands: CommandRunner; policyWords: () => string[]},
  ) {
    this.#domain = domain;
    this.#commands = commands;
    this.#policyWords = policyWords;
  }

  async handle(
    request: UserRequest,
    caller: UserCaller,
    connection: OwnedFd,
  ): Promise<UserAnswer | undefined> {
    switch (request.do) {
      case 'mount':
        await this.#mount(request, caller, connection);
        return undefined;
      case 'umount':
        return await this.#unmount(request, caller);
      case 'ls':
        return {ok: this.#list(caller)};
    }
  }

  async #mount(
    {type, options}: Extract<UserRequest, {do: 'mount'}>,
    caller: UserCaller,
    connection: OwnedFd,
  ): Promise<void> {
    const words = [
      ...(type === undefined ? [] : [`--type=${type}`]),
      ...options.map((option) => `--options=${option}`),
      ...this.#policyWords(),
    ];
    try {
      await this.#commands.run(['user-mount', ...words], MOUNT_MS, {
        fds: [connection],
        type: type ?? UNNAMED,
      });
    } catch (error) {
      if (!(error instanceof ManagerError)) throw error;
      // He was told by the command; the denial is worth the log, and anything else is his own affair.
      if (error.kind === 'denied') {
        this.#domain.denied({
          callerUid: caller.uid,
          code: error.code,
          errno: error.errno,
          message: error.message,
          rule: error.rule,
        });
      }
      return;
    }
    this.#domain.look();
  }

  async #unmount(
    {mountId, lazy, force}: Extract<UserRequest, {do: 'umount'}>,
    caller: UserCaller,
  ): Promise<UserAnswer> {
    this.#domain.look();
    const mount = this.#domain.all().find(({places}) => places.some(({id}) => id === mountId));
    const entry = mount?.places.find(({id}) => id === mountId);
    if (mount === undefined || entry === undefined || !isHis(mount, caller)) {
      const message = `can't unmount ${entry?.target ?? `mount ${mountId}`}: it is not a mount that was made for you`;
      return {error: {message, code: 'not-ours', errno: 'EPERM'}};
    }
    mount.leaving = true;
    try {
      if (isLost(mount.health)) {
        if (!this.#domain.removeLost(mount)) {
          const message = `can't unmount ${entry.target}: something else is mounted on it`;
          return {error: {message, code: 'covered', errno: 'EBUSY'}};
        }
      } else {
        await unmountByCommand(this.#commands, entry, {lazy, force});
      }
    } catch (error) {
      if (!(error instanceof ManagerError)) throw error;
      const {message, code, errno} = error;
      return {error: {message, code, errno}};
    } finally {
      mount.leaving = false;
      this.#domain.look();
    }
    return {ok: {target: entry.target, mountId}};
  }

  /** How a server is held is left out; what does not fit into a packet as well, which is said. */
  #list(caller: UserCaller): {mounts: MountView[]; more: number} {
    const his = this.#domain.all().filter((mount) => isHis(mount, caller));
    const mounts: MountView[] = [];
    let room = LONGEST_USER_PACKET - ENVELOPE_BYTES;
    for (const mount of his) {
      const view = {...this.#domain.view(mount), containment: null};
      room -= Buffer.byteLength(JSON.stringify(view)) + 1;
      if (room < 0) break;
      mounts.push(view);
    }
    return {mounts, more: his.length - mounts.length};
  }
}

/** Whether a mount was made for a user: by the record that the mount command wrote, and by what the kernel has of it. */
function isHis({record, entry}: WatchedMount, {uid}: UserCaller): boolean {
  return record?.callerUid === uid && entry.superOptions.includes(`user_id=${uid}`);
}
