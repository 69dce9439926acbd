import type {ServerPolicy} from '../policy/index.js';
import {runsSomething} from '../sys/user-processes.js';
import {isGivenAway, processUsers} from './process-users.js';
import {ancestorsOf} from './sandbox-processes.js';

/**
 * A user id of the policy's range that is nobody's and under which nothing runs. The caller holds the launch lock until a process runs under it, so
 * that two mounts at the same moment don't get the same. Whoever has it without running under it is found by `strangersWith`.
 * @throws Error when the range is used up
 */
export function unusedUserId({uidBase, uidCount}: ServerPolicy): number {
  // Not always the lowest: what an earlier server left behind under its id (a key, a message queue) should not meet the next one.
  const start = Math.floor(Math.random() * uidCount);
  for (let step = 0; step < uidCount; step++) {
    const uid = uidBase + ((start + step) % uidCount);
    if (!runsSomething(uid) && !isGivenAway(uid)) return uid;
  }
  throw new Error(`can't start a server: no unused user id from ${uidBase} to ${uidBase + uidCount - 1}`);
}

/**
 * Processes with this user id, as any of their four (proc_pid_status(5)), that `first` has not started. To look at all processes takes longer than
 * to start one, so it is done while that starts, when it has been told nothing yet.
 */
export function strangersWith(uid: number, first: number): number[] {
  const look = (): number[] =>
    (processUsers().get(uid) ?? []).filter((pid) => pid !== first && !ancestorsOf(pid, uid).includes(first));
  // One that ended during the look has no parent any more.
  return look().length === 0 ? [] : look();
}
