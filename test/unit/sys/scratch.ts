import {mkdtempSync, readdirSync, readlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** A directory of its own for a test, which removes it. */
export function scratchDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'fuseward-sys-'));
}

/** `number target` of each open descriptor of this process, but for the runtime's own pipes and event files. */
export function openDescriptors(): string[] {
  const found: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (/^(anon_inode|pipe):/.test(target)) continue;
      found.push(`${fd} ${target}`);
    } catch {
      // The descriptor that listed the directory is closed by now.
    }
  }
  return found;
}

/** Whether the tests run as root; those that mount or attach need it. */
export const isRoot = process.getuid?.() === 0;
