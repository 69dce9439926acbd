import {landlockAbi, restrictToNothing} from '../sys/landlock.js';
import {setDumpable, setNoNewPrivs, setRlimit} from '../sys/process.js';
import {buildFilter, installFilter} from '../sys/seccomp.js';
import {ALLOWED_SYSTEM_CALLS} from './system-calls.js';

/** Bytes of log a server may write in its life. Its log is a memfd or the journal; RLIMIT_FSIZE holds for the former. */
const LOG_LIMIT = 262_144;

/**
 * Takes from the calling thread what landlock knows: all files, all networks, signals to others. Other threads are not
 * touched on kernels before landlock can do that, so each thread that runs our code calls this.
 * @returns the landlock ABI in force, 0 where the kernel has none
 * @throws Errno
 */
export function restrictThread(): number {
  setNoNewPrivs();
  return landlockAbi() === 0 ? 0 : restrictToNothing().abi;
}

/**
 * Puts the system-call filter on every thread of the process, now and to come. After this nothing can be opened, executed
 * or connected; the descriptors that are there are all that will ever be, but for those received over the conversation.
 * @throws Errno when the kernel does not take the filter; the server must not go on then
 */
export function restrictProcess(): void {
  setNoNewPrivs();
  // Nobody attaches to it or reads its memory or descriptors without privileges of their own.
  setDumpable(false);
  setRlimit('FSIZE', LOG_LIMIT, LOG_LIMIT);
  setRlimit('CORE', 0, 0);
  installFilter(buildFilter(ALLOWED_SYSTEM_CALLS, {defaultAction: 'kill-process'}), {tsync: true});
}
