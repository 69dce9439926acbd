import type {MountView} from '../manager/model.js';
import {USER_PROTOCOL} from '../manager/user-protocol.js';
import {KernelView} from './kernel-view.js';
import {askForUser, UserRequestError} from './user-client.js';

/** What the kernel tells everybody, and of a user's own mounts what the manager tells him. */
export class UserView extends KernelView {
  readonly #own: ReadonlyMap<string, MountView>;

  /** Undefined when no manager answers users. */
  static open(): UserView | undefined {
    try {
      const {mounts} = askForUser({version: USER_PROTOCOL, do: 'ls'}, 'list mounts') as {mounts: MountView[]};
      return new UserView(mounts);
    } catch (error) {
      if (!(error instanceof UserRequestError)) throw error;
      return undefined;
    }
  }

  private constructor(own: readonly MountView[]) {
    super();
    this.#own = new Map(own.map((mount) => [mount.id, mount]));
  }

  override async mounts(): Promise<MountView[]> {
    const all = await super.mounts();
    return all.map((mount) => {
      const own = this.#own.get(mount.id);
      return own?.mountId === mount.mountId ? own : mount;
    });
  }
}
