import {readdirSync, readFileSync, statSync} from 'node:fs';
import type {ServerPolicy} from '../policy/index.js';

/** The user ids that processes run under now, by whom their /proc directory belongs to and by /proc/PID/status. */
function usersInUse(): Set<number> {
  const used = new Set<number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      used.add(statSync(`/proc/${entry}`).uid);
      // The directory of a process that is not dumpable belongs to root: ask its status too.
      const uids = /^Uid:\s*(.*)$/m.exec(readFileSync(`/proc/${entry}/status`, 'latin1'))?.[1];
      for (const uid of uids?.split(/\s+/) ?? []) used.add(Number(uid));
    } catch {
      // The process ended meanwhile.
    }
  }
  return used;
}

/** Accounts and subordinate ranges that some administrator gave away inside our range. */
function givenAway(uid: number): boolean {
  for (const file of ['/etc/passwd', '/etc/subuid']) {
    let text = '';
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      continue;
    }
    for (const line of text.split('\n')) {
      const fields = line.split(':');
      const first = Number(file === '/etc/passwd' ? fields[2] : fields[1]);
      const count = file === '/etc/passwd' ? 1 : Number(fields[2]);
      if (uid >= first && uid < first + count) return true;
    }
  }
  return false;
}

/**
 * A user id of the policy's range under which nothing runs. The caller holds the launch lock until a process runs under it, so
 * that two mounts at the same moment don't get the same.
 * @throws Error when the range is used up
 */
export function unusedUserId({uidBase, uidCount}: ServerPolicy): number {
  const used = usersInUse();
  // Not always the lowest: what an earlier server left behind under its id (a key, a message queue) should not meet the next one.
  const start = Math.floor(Math.random() * uidCount);
  for (let step = 0; step < uidCount; step++) {
    const uid = uidBase + ((start + step) % uidCount);
    if (!used.has(uid) && !givenAway(uid)) return uid;
  }
  throw new Error(`can't start a server: no unused user id from ${uidBase} to ${uidBase + uidCount - 1}`);
}
