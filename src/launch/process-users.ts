import {readdirSync, readFileSync} from 'node:fs';

/** Who runs under which user id: by user id, the processes with that id as real, effective, saved or file-system id. */
export type ProcessUsers = ReadonlyMap<number, readonly number[]>;

/** Looks at all processes, proc_pid_status(5). Those that end meanwhile are left out. */
export function processUsers(): ProcessUsers {
  const found = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8');
      // What only waits for its parent to take notice runs no more.
      if (/^State:\s*[ZX]/m.test(status)) continue;
      const uids = /^Uid:\s*(.*)$/m.exec(status)?.[1];
      for (const uid of new Set(uids?.split(/\s+/).map(Number)))
        found.set(uid, [...(found.get(uid) ?? []), Number(entry)]);
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

/** The account with this user id in /etc/passwd; undefined when it is nobody's. */
export function accountOf(uid: number): string | undefined {
  for (const line of readOrNothing('/etc/passwd').split('\n')) {
    const [name, , id] = line.split(':');
    if (name !== undefined && id !== undefined && id !== '' && Number(id) === uid) return name;
  }
  return undefined;
}

/** Whether an administrator gave this user id to an account, or as one of a subordinate range (subuid(5)). */
export function isGivenAway(uid: number): boolean {
  if (accountOf(uid) !== undefined) return true;
  for (const line of readOrNothing('/etc/subuid').split('\n')) {
    const [, first, count] = line.split(':').map(Number);
    if (uid >= (first ?? Number.NaN) && uid < (first ?? Number.NaN) + (count ?? 0)) return true;
  }
  return false;
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
