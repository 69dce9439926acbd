import {errnoOf} from '../sys/errno.js';
import {errnoCode} from '../sys/errno-codes.js';
import {landlockAbi} from '../sys/landlock.js';
import {restrictOtherThreads} from '../sys/landlock-threads.js';
import {setDumpable, setNoNewPrivs, setRlimit} from '../sys/process.js';
import {
  buildFilter,
  installFilter,
  type SeccompAction,
  type SeccompFilter,
  type SeccompRule,
} from '../sys/seccomp.js';
import {prepareBreadcrumb} from './breadcrumb.js';
import {log} from './log.js';
import {isJitless} from './runtime-flags.js';
import {allowedSystemCalls} from './system-calls.js';

/** Bytes of log a server may write in its life. Its log is a memfd or the journal; RLIMIT_FSIZE holds for the former. */
export const LOG_LIMIT = 262_144;

/**
 * Takes the same from the runtime's own threads, where the kernel restricts one at a time. They run none of our code, and the filter
 * and the namespaces hold them anyway, so a thread that can't be reached is told and not waited for.
 * @param done threads that have called `restrictThread`, or were reached before
 * @returns those that were reached; none where one was missed
 */
export function restrictRuntimeThreads(done: readonly number[]): readonly number[] {
  if (landlockAbi() === 0) return [];
  const told = 'landlock does not hold every thread of the runtime';
  try {
    const outcome = restrictOtherThreads(new Set(done));
    if (outcome === undefined) return [];
    const {restricted, missed, ids} = outcome;
    if (missed === 0) return ids;
    log('warn', {restricted, missed}, told);
  } catch (error) {
    log('warn', {error: String(error)}, told);
  }
  return [];
}

/** What a forbidden call leads to: our handler's line and the end, or the kernel's end without a line. */
function answerToForbidden(prepare: () => void): SeccompAction {
  try {
    prepare();
    return 'trap';
  } catch (error) {
    const errno = errnoCode(errnoOf(error)) ?? String(error);
    log('warn', {errno}, 'a forbidden system call would end this server without a line in the log');
    return 'kill-process';
  }
}

/**
 * Makes the system-call filter of a server, and makes ready what becomes of a forbidden call.
 * @param prepare makes ready what handles the SIGSYS of one; the containment probe has a handler of its own
 * @param more what this process may do beyond what a server may
 */
export function lockDownFilter(
  prepare: () => void = prepareBreadcrumb,
  more: readonly SeccompRule[] = [],
): SeccompFilter {
  const defaultAction = answerToForbidden(prepare);
  const rules = [...allowedSystemCalls({jitless: isJitless(), pid: process.pid}), ...more];
  return buildFilter(rules, {defaultAction});
}

/**
 * Puts the system-call filter on every thread of the process, now and to come. After this nothing can be opened, executed
 * or connected; the descriptors that are there are all that will ever be, but for those received over the conversation.
 * @throws Errno when the kernel does not take the filter; the server must not go on then
 */
export function restrictProcess(filter: SeccompFilter = lockDownFilter()): void {
  setNoNewPrivs();
  // Nobody attaches to it or reads its memory or descriptors without privileges of their own.
  setDumpable(false);
  setRlimit('FSIZE', LOG_LIMIT, LOG_LIMIT);
  setRlimit('CORE', 0, 0);
  // What a ring took stays; nothing more is locked.
  setRlimit('MEMLOCK', 0, 0);
  installFilter(filter, {tsync: true});
}
