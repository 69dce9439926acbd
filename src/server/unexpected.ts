import {exitNow} from '../sys/exit.js';
import {log} from './log.js';

/**
 * Puts the runtime's warnings into the log. Its own way of showing them asks the kernel what standard error is, which a
 * locked-down server may not.
 */
export function logWarnings(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log('warn', {warning: String(warning)}, 'the runtime warns'));
}

/**
 * Ends the process, with a line in the log, for an exception that nobody catches. The runtime's own way looks at the terminal
 * last, so that the log would tell of a forbidden system call.
 */
export function endOnException(): void {
  process.on('uncaughtException', (error) => {
    log('error', {error: error instanceof Error ? error.stack : String(error)}, 'the server failed');
    exitNow(1);
  });
}
