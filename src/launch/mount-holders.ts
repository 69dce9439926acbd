import {readdirSync, readFileSync, readlinkSync} from 'node:fs';

/** A process in another mount namespace. */
export interface MountHolder {
  readonly pid: number;
  /** Its name, proc_pid_comm(5): untrusted text. */
  readonly name: string;
}

/**
 * Processes in whose mount namespaces a file system is still mounted, one of each: they keep it, whatever is unmounted here. Needs root, and looks at all processes.
 * @param device of the file system, as in the mount table
 */
export function mountHolders({
  major,
  minor,
}: {
  readonly major: number;
  readonly minor: number;
}): MountHolder[] {
  const seen = new Set<string>();
  const holders: MountHolder[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      if (seen.has(namespace)) continue;
      seen.add(namespace);
      const table = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
      if (!table.split('\n').some((line) => line.split(' ', 3)[2] === `${major}:${minor}`)) continue;
      holders.push({pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()});
    } catch {
      // It ended meanwhile.
    }
  }
  return holders;
}
