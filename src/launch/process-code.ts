import {readFileSync} from 'node:fs';

/** What a process can execute, by its memory map (proc_pid_maps(5)). */
export interface ProcessCode {
  /** Files that are mapped executable, by path as it sees them. */
  readonly files: readonly string[];
  /** Mappings that are writable and executable at once: a just-in-time compiler's. */
  readonly writable: number;
  /** Executable mappings without a file. */
  readonly anonymous: number;
}

/** Files that are named; a process of ours has a dozen. */
const MOST_FILES = 64;

/** @throws Node's error when the process is gone */
export function codeOf(pid: number): ProcessCode {
  const files = new Set<string>();
  let writable = 0;
  let anonymous = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, permissions, path] = /^\S+ (\S{4}) \S+ \S+ \d+ *(.*)$/.exec(line) ?? [];
    if (permissions === undefined || path === undefined || permissions[2] !== 'x') continue;
    if (permissions[1] === 'w') writable++;
    // The kernel's own pages in every process.
    if (path === '[vdso]' || path === '[vsyscall]') continue;
    if (!path.startsWith('/')) anonymous++;
    else if (files.size < MOST_FILES) files.add(path.replace(/ \(deleted\)$/, ''));
  }
  return {files: [...files], writable, anonymous};
}
