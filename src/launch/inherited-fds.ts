import type {OwnedFd} from '../sys/fd.js';
import {createMemfd} from '../sys/memfd.js';

/** Number of the first descriptor behind the conversation, which is 3. */
const FIRST_INHERITED = 4;

/** Descriptors that a process is started with, each with the number that it will have there. */
export class InheritedFds {
  readonly #numbers: number[] = [];
  readonly #owned: OwnedFd[] = [];

  /** Ours, in the order of their numbers there, for spawn's `stdio` behind the first four. */
  get list(): readonly number[] {
    return this.#numbers;
  }

  /** The number that somebody's descriptor gets. */
  lend(fd: OwnedFd): number {
    this.#numbers.push(fd.fd);
    return FIRST_INHERITED + this.#numbers.length - 1;
  }

  /** The same for one that is closed here with this. */
  give(fd: OwnedFd): number {
    this.#owned.push(fd);
    return this.lend(fd);
  }

  /** The number of a file with this text. */
  text(name: string, text: string): number {
    return this.give(createMemfd(name, Buffer.from(text)));
  }

  [Symbol.dispose](): void {
    for (const fd of this.#owned) fd.close();
  }
}
