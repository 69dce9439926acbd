import {waitForEnd} from '../machine/usage.js';

/** A mount that is measured. */
export interface Mounted {
  /** Where it can be walked. */
  readonly target: string;
  /** The processes that serve it, for their memory and processor time; none for the kernel. Finding them may take a while. */
  servers(): readonly number[];
  /** Takes the mount away and returns when its processes are gone. */
  unmount(): void;
}

/** Somebody who can serve an ext4 image, or at least answer questions about it. */
export interface Contender {
  /** Heads its column. */
  readonly name: string;
  /** What it is and how it was started, for the head of the table. */
  readonly version: string;
  /** Takes part in one line only, the question that must reach the server. */
  readonly questionsOnly?: boolean;
  /** Needs FUSE over io_uring to be switched on. */
  readonly uring?: boolean;
  /** Mounts an image read-only on an empty directory. Returns when the command that does it has ended. */
  mount(image: string, target: string): Mounted;
}

/** One that can't take part, and why; its columns and lines say so. */
export interface Absent {
  readonly name: string;
  readonly reason: string;
}

/** A mount whose processes are looked for when they are first asked for, and waited for at its end. */
export function served(target: string, find: () => readonly number[], unmount: () => void): Mounted {
  let found: readonly number[] | undefined;
  const servers = (): readonly number[] => {
    found ??= find();
    return found;
  };
  return {
    target,
    servers,
    unmount: () => {
      const pids = servers();
      unmount();
      waitForEnd(pids);
    },
  };
}

export function isAbsent(each: Contender | Absent): each is Absent {
  return 'reason' in each;
}
