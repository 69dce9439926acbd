import {fstatSync} from 'node:fs';
import {setNonBlocking} from '../sys/fd.js';
import {handleForbiddenCalls, reportingHandler} from '../sys/forbidden-call.js';
import {syscallName} from '../sys/syscall-numbers.js';

/** Numbers that have a line of their own: more than there are, so that a newer kernel's are told by number. */
const NUMBERS = 512;
const STDERR = 2;

let isPrepared = false;

/** The line that a server leaves when it ends for a forbidden system call. The manager looks for it. */
function line(number: number | undefined): string {
  const systemCall = (number === undefined ? undefined : syscallName(number)) ?? 'unknown';
  return JSON.stringify({level: 50, systemCall, number: number ?? -1, msg: 'forbidden system call'});
}

/**
 * Prepares what becomes of a forbidden system call: one line to standard error that names it, then the end. Everything is made
 * ready now, because nothing can be asked of the runtime then: the lines lie in memory beside a few instructions that write one.
 *
 * Once is enough: what is there already stays.
 *
 * Where standard error is a pipe or a socket, it no longer waits for whoever reads it: neither the end nor a request should.
 *
 * @throws Errno where the machine allows no such handler; forbidden calls can then only be answered by the kernel
 */
export function prepareBreadcrumb(): void {
  if (isPrepared) return;
  const lines = Array.from({length: NUMBERS}, (_, number) => line(number));
  handleForbiddenCalls(reportingHandler([...lines, line(undefined)]));
  const stderr = fstatSync(STDERR);
  if (stderr.isFIFO() || stderr.isSocket()) setNonBlocking(STDERR);
  isPrepared = true;
}
