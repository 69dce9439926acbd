import {ERRNO_FORBIDDEN} from '../sys/forbidden-call.js';
import {type RawArgument, rawSystemCall} from '../sys/raw-system-call.js';
import type {SyscallName} from '../sys/syscall-numbers.js';
import type {Outcome, ProbeTask} from './report.js';

/** What acts work with; made ready before the lock-down, so that the filter is asked about each act itself. */
export interface Ground {
  readonly task: ProbeTask;
  readonly imageFd: number;
  readonly tcpSocket: number;
  readonly unixSocket: number;
  readonly memfd: number;
  readonly ownPidfd: number;
  readonly victimPidfd: number;
}

/** Something that a server must not be able to do. */
export interface Act {
  readonly name: string;
  /** Not tried before the lock-down: if it went through, nothing would be left to report it. */
  readonly onlyLocked?: boolean;
  attempt(ground: Ground): Outcome;
}

const AT_FDCWD = -100;
export const HERE = AT_FDCWD;

/** NUL-terminated text. */
export function path(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

export function stopped(errno: number, detail = ''): Outcome {
  return {result: 'stopped', errno, detail};
}

export function wentThrough(detail = ''): Outcome {
  return {result: 'went-through', detail};
}

/** What a system call says. A call that this architecture lacks is one that nobody can make. */
export function call(name: SyscallName, ...args: readonly RawArgument[]): Outcome {
  const answer = rawSystemCall(name, ...args);
  if (answer === undefined) return {result: 'not-tried', detail: 'no such call on this architecture'};
  return answer.result === -1 ? stopped(answer.errno) : wentThrough(`result ${answer.result}`);
}

/** An act that is one system call, which leaves nothing to undo where it goes through. */
export function oneCall(
  act: string,
  name: SyscallName,
  argumentsOf: (ground: Ground) => readonly RawArgument[],
): Act {
  return {name: act, attempt: (ground) => call(name, ...argumentsOf(ground))};
}

/** An act whose system call gives a descriptor. */
export function opening(
  act: string,
  name: SyscallName,
  argumentsOf: (ground: Ground) => readonly RawArgument[],
): Act {
  return {
    name: act,
    attempt(ground) {
      const answer = rawSystemCall(name, ...argumentsOf(ground));
      if (answer === undefined) return {result: 'not-tried', detail: 'no such call on this architecture'};
      if (answer.result === -1) return stopped(answer.errno);
      rawSystemCall('close', answer.result);
      return wentThrough(`descriptor ${answer.result}`);
    },
  };
}

/** Repeats an attempt until it is stopped, at most so often. @returns how it was stopped, or that it never was */
export function untilStopped(most: number, attempt: (round: number) => number): Outcome {
  for (let round = 0; round < most; round++) {
    const errno = attempt(round);
    if (errno !== 0) return stopped(errno, errno === ERRNO_FORBIDDEN ? '' : `after ${round}`);
  }
  return wentThrough(`${most} times`);
}
