import {errnoOf, errnoText} from '../sys/errno.js';
import {errnoCode} from '../sys/errno-codes.js';
import {MountRefusal} from './driver.js';
import type {Refusal} from './requests.js';

/** Whatever a driver or a system call threw, as a reason that can be told. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof MountRefusal) {
    const {errno, code, message, exitCode, holds} = error;
    return {errno, code, message, exitCode, holds};
  }
  const number = errnoOf(error);
  const code = (error as {code?: unknown} | null)?.code;
  const message = error instanceof Error ? error.message : errnoText(number);
  return {
    errno: errnoCode(number) ?? 'EIO',
    code: typeof code === 'string' ? code.toLowerCase() : 'failed',
    message,
    exitCode: 1,
    holds: undefined,
  };
}
