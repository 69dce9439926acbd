import {readdirSync, readFileSync} from 'node:fs';
import {rmdir, writeFile} from 'node:fs/promises';
import type {OwnedFd} from '../../sys/fd.js';
import {
  fsconfigCreate,
  fsmount,
  fsopen,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
} from '../../sys/mount.js';
import {processNamed} from '../process-name.js';

/** Names of our instances: the process that made them and when that started, so that those of a dead one are told apart. */
const NAME = /^fuseward-(\d{1,10})-(\d{1,20})$/;

/**
 * The kernel's tracing directory, in a mount of its own that is attached nowhere: nobody else sees it, nothing has to be mounted before, and
 * it is gone with the descriptor.
 */
export class Tracefs {
  readonly #mount: OwnedFd;
  /** Valid until it is closed. */
  readonly path: string;

  private constructor(mount: OwnedFd) {
    this.#mount = mount;
    this.path = `/proc/self/fd/${mount.fd}`;
  }

  /** @throws Errno ENODEV a kernel without tracing; EPERM; ENOSYS before Linux 5.2 */
  static open(): Tracefs {
    using context = fsopen('tracefs');
    fsconfigCreate(context.fd);
    return new Tracefs(fsmount(context.fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  }

  read(file: string): string {
    return readFileSync(`${this.path}/${file}`, 'utf8');
  }

  /** Removes the instances of managers that are dead. One that is in use stays. */
  async sweep(): Promise<void> {
    for (const name of readdirSync(`${this.path}/instances`)) {
      const [, pid, start] = NAME.exec(name) ?? [];
      if (pid === undefined || processNamed(Number(pid))?.start === start) continue;
      await removeInstance(`${this.path}/instances/${name}`);
    }
  }

  close(): void {
    this.#mount.close();
  }
}

/** Name for an instance of this very process. */
export function instanceName(): string {
  return `fuseward-${process.pid}-${processNamed(process.pid)?.start ?? '0'}`;
}

/** Ends an instance: its events first, which are on for everybody whose requests they slow down. Never fails. */
export async function removeInstance(path: string): Promise<void> {
  for (const act of [() => writeFile(`${path}/events/enable`, '0'), () => rmdir(path)]) {
    try {
      await act();
    } catch {
      // Somebody has a file of it open, or it is gone.
    }
  }
}
