import type {ServerPolicy} from '../policy/index.js';
import {isGivenAway, processUsers} from './process-users.js';

/**
 * A user id of the policy's range under which nothing runs. The caller holds the launch lock until a process runs under it, so
 * that two mounts at the same moment don't get the same.
 * @throws Error when the range is used up
 */
export function unusedUserId({uidBase, uidCount}: ServerPolicy): number {
  const used = processUsers();
  // Not always the lowest: what an earlier server left behind under its id (a key, a message queue) should not meet the next one.
  const start = Math.floor(Math.random() * uidCount);
  for (let step = 0; step < uidCount; step++) {
    const uid = uidBase + ((start + step) % uidCount);
    if (!used.has(uid) && !isGivenAway(uid)) return uid;
  }
  throw new Error(`can't start a server: no unused user id from ${uidBase} to ${uidBase + uidCount - 1}`);
}
