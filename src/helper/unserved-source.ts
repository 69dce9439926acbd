import {Errno} from '../sys/errno.js';
import type {OwnedFd} from '../sys/fd.js';
import type {Serving} from './served-source.js';

/** Stands for a source of which no descriptor is to be had: a directory, which lies in the server's sandbox, or a name. */
export class UnservedSource implements Serving {
  readonly loopDevice = undefined;
  readonly isWritable = false;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** @throws Errno EISDIR always */
  openFile(): OwnedFd {
    throw new Errno('EISDIR', 'open', this.#name);
  }

  /** @throws Errno ENOTBLK always */
  openBlockDevice(): OwnedFd {
    throw new Errno('ENOTBLK', 'open', this.#name);
  }

  close(): void {}

  abandon(): boolean {
    return false;
  }
}
