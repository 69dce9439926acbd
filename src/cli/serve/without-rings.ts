import {readdirSync, readlinkSync} from 'node:fs';
import {firstFilterProgram} from '../../launch/first-filter.js';
import {replaceProcess} from '../../sys/execve.js';
import {setCloseOnExec} from '../../sys/fd.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {setNoNewPrivs} from '../../sys/process.js';
import {installFilter} from '../../sys/seccomp.js';

const RING = 'anon_inode:[io_uring]';
/** The connected socket of the service protocol. */
const SOCKET = 3;
/** Says to the program that is started again that it was. */
const AGAIN = 'FUSEWARD_STARTED_AGAIN';

/** Whether the runtime made an io_uring for its event loop. */
function hasRing(): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === RING;
    } catch {
      // The one that listed.
      return false;
    }
  });
}

/**
 * Starts this program again, as the same process, where its runtime has an io_uring: with a filter by which there is none (`launch/first-filter.ts`). A
 * server in a sandbox has that from its start; one that somebody else starts has not.
 * @throws Errno
 */
export function withoutRings(): void {
  if (process.env[AGAIN] !== undefined || !hasRing()) return;
  setNoNewPrivs();
  installFilter(firstFilterProgram(), {tsync: true});
  keepInheritedFds();
  setCloseOnExec(SOCKET, false);
  const environment = Object.entries({...process.env, [AGAIN]: '1'}).filter(
    (each): each is [string, string] => each[1] !== undefined,
  );
  const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  replaceProcess(process.execPath, words, Object.fromEntries(environment));
}
