import {native} from './libc.js';

const exitCall = native<[code: number]>('_exit', 'void', ['int']);

/**
 * Ends the process at once (_exit(2)): no handlers, no waiting for other threads, which may be blocked in a system call.
 * @param code 0 to 255
 */
export function exitNow(code: number): never {
  exitCall()(code);
  throw new Error('unreachable: _exit does not return');
}
