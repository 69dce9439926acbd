import {readFileSync, writeFileSync} from 'node:fs';

/** As OOMScoreAdjust= in the server units: when memory runs out, servers go first. */
const OF_SERVERS = 500;
const FILE = '/proc/self/oom_score_adj';

/**
 * Starts something that the kernel ends before others when memory runs out: a process inherits the score of the one that starts it
 * (proc_pid_oom_score_adj(5)), which for that moment is this one's. A score that is higher already is left.
 */
export function asFirstToGo<T>(start: () => T): T {
  const own = readFileSync(FILE, 'utf8');
  if (Number(own) >= OF_SERVERS) return start();
  writeFileSync(FILE, `${OF_SERVERS}`);
  try {
    return start();
  } finally {
    writeFileSync(FILE, own);
  }
}
