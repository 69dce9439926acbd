import {gettid} from '../sys/process.js';
import type {SeccompFilter} from '../sys/seccomp.js';
import {listenNowhere} from '../sys/socket.js';
import {ControlListener} from './control-listener.js';
import {lockDownFilter, restrictRuntimeThreads} from './lock-down.js';
import {log} from './log.js';

/**
 * Does what needs no mount, or goes through its motions, in a server that waits: code that runs for the second time is a good deal faster, and nobody
 * waits now. The threads that the runtime has for itself run none of our code and need nothing more, so landlock takes from them what it can.
 * @returns the filter of a server that holds no ring and whose kernel reads no files by itself
 */
export async function rehearse(requestThread: number): Promise<SeccompFilter> {
  try {
    (await ControlListener.open(listenNowhere().release())).close();
  } catch (error) {
    log('warn', {error: String(error)}, 'listening could not be rehearsed');
  }
  restrictRuntimeThreads([requestThread, gettid()]);
  return lockDownFilter();
}
