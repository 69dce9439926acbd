import {checked, native} from './libc.js';

const tgkill = native<[process: number, thread: number, signal: number]>('tgkill', 'int', [
  'int',
  'int',
  'int',
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
  checked(tgkill()(process.pid, threadId, signal), 'tgkill', `thread ${threadId}`);
}
