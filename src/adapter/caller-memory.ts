import {closeSync, openSync, readFileSync, readlinkSync, readSync} from 'node:fs';
import {resolve} from 'node:path';

const PAGE = 4096;
/** Above every address of a program, and below what a number can no longer hold. */
const HIGHEST_ADDRESS = 2n ** 52n;

/**
 * What a thread that waits in a system call has in its memory. It can change at any time, and the thread can be another's by now: what is read
 * here is only worth something if the call still waits afterwards.
 */
export class CallerMemory {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** NUL-terminated texts at these addresses, '' at 0; undefined when there is none. @param most bytes of each */
  texts(addresses: readonly bigint[], most: number): string[] | undefined {
    let memory: number;
    try {
      memory = openSync(`/proc/${this.#pid}/mem`, 'r');
    } catch {
      return undefined;
    }
    try {
      const found = addresses.map((address) => (address === 0n ? '' : textAt(memory, address, most)));
      return found.every((text) => text !== undefined) ? found : undefined;
    } finally {
      closeSync(memory);
    }
  }

  /** Open flags of one of its descriptors, as in fdinfo; undefined when it is not open. */
  descriptorFlags(fd: number): number | undefined {
    try {
      const info = readFileSync(`/proc/${this.#pid}/fdinfo/${fd}`, 'latin1');
      return Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
    } catch {
      return undefined;
    }
  }

  /** A path of its own as an absolute one. */
  absolute(path: string): string {
    if (path.startsWith('/')) return resolve(path);
    try {
      return resolve(readlinkSync(`/proc/${this.#pid}/cwd`), path);
    } catch {
      return path;
    }
  }
}

/** Read page by page, since what lies behind the page of its end may not be there. */
function textAt(memory: number, address: bigint, most: number): string | undefined {
  if (address >= HIGHEST_ADDRESS) return undefined;
  const start = Number(address);
  const bytes = Buffer.alloc(most);
  // Ends: each round reads a byte at least.
  for (let length = 0; length < most; ) {
    const at = start + length;
    const chunk = Math.min(PAGE - (at % PAGE), most - length);
    let count: number;
    try {
      count = readSync(memory, bytes, length, chunk, at);
    } catch {
      return undefined;
    }
    if (count === 0) return undefined;
    const end = bytes.subarray(length, length + count).indexOf(0);
    if (end !== -1) return bytes.toString('utf8', 0, length + end);
    length += count;
  }
  return undefined;
}
