import {readdirSync, readFileSync, readlinkSync} from 'node:fs';

/** A process in another mount namespace. */
export interface MountHolder {
  readonly pid: number;
  /** Its name, proc_pid_comm(5): untrusted text. */
  readonly name: string;
}

/**
 * A process in whose mount namespace a file system is still mounted, which keeps it, whatever is unmounted here; undefined where there is none. Needs root, and looks
 * at all processes.
 * @param device of the file system, as in the mount table
 */
export function mountHolder(device: {
  readonly major: number;
  readonly minor: number;
}): MountHolder | undefined {
  const number = `${device.major}:${device.minor}`;
  const seen = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      if (seen.has(namespace)) continue;
      seen.add(namespace);
      const table = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
      if (!table.split('\n').some((line) => line.split(' ', 3)[2] === number)) continue;
      return {pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()};
    } catch {
      // It ended meanwhile.
    }
  }
  return undefined;
}
