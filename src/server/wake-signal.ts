import {constants} from 'node:os';
import {makeInterrupting, signalThread} from '../sys/thread-signal.js';

/** Means nothing to the runtime. */
export const WAKE_SIGNAL: number = constants.signals.SIGUSR2;

/**
 * Prepares to interrupt a thread that sleeps in read(2): the signal's handler does nothing, but the call ends with EINTR.
 * @throws Errno
 */
export function prepareWakeSignal(): void {
  process.on('SIGUSR2', () => {});
  makeInterrupting(WAKE_SIGNAL);
}

/** Interrupts the thread if it sleeps. One that is about to sleep misses it: to be repeated until it has woken. */
export function wakeThread(threadId: number): void {
  try {
    signalThread(threadId, WAKE_SIGNAL);
  } catch {
    // The thread has ended, and with it the mount.
  }
}
