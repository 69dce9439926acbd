import {checked, native} from './libc.js';
import {syscallNumber} from './syscall-numbers.js';

// By its number: not every C library has a function for it.
const syscall = native<[number: number, process: number, thread: number, signal: number]>('syscall', 'long', [
  'long',
  'long',
  'long',
  'long',
]);
const siginterrupt = native<[signal: number, on: number]>('siginterrupt', 'int', ['int', 'int']);

/**
 * From now on system calls that this signal interrupts fail with EINTR instead of being restarted, on every thread. The signal must
 * have a handler (process.on), which the runtime installs the other way. @throws Errno EINVAL
 */
export function makeInterrupting(signal: number): void {
  checked(siginterrupt()(signal, 1), 'siginterrupt', `signal ${signal}`);
}

/** Sends a signal to one thread of this process (tgkill(2)). @throws Errno ESRCH when it has ended */
export function signalThread(threadId: number, signal: number): void {
  // Every architecture that there is a table for has the call.
  const number = syscallNumber('tgkill') as number;
  checked(syscall()(number, process.pid, threadId, signal), 'tgkill', `thread ${threadId}`);
}
