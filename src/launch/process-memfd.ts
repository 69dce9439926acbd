import {closeSync, constants, openSync, readdirSync, readlinkSync, readSync} from 'node:fs';

/**
 * The first `length` bytes of a memfd that another process has open, by its name; undefined when there is none, or it is
 * shorter. Needs root. The content is the other process's: believe nothing of it.
 */
export function readProcessMemfd(pid: number, name: string, length: number): ArrayBuffer | undefined {
  for (const entry of readdirSync(`/proc/${pid}/fd`)) {
    const path = `/proc/${pid}/fd/${entry}`;
    try {
      if (readlinkSync(path) !== `/memfd:${name} (deleted)`) continue;
      // A memfd opens at once whoever made it; the name can't be that of anything else.
      const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const memory = new ArrayBuffer(length);
        if (readSync(fd, new Uint8Array(memory), 0, length, 0) === length) return memory;
      } finally {
        closeSync(fd);
      }
    } catch {
      // Closed meanwhile.
    }
  }
  return undefined;
}
