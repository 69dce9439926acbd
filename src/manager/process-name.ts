import {statOf} from './process-numbers.js';

/** A process by id and start time, which no other process ever has together. */
export interface ProcessName {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly start: string;
}

/** The process that has this id now; undefined when there is none or it only waits to be reaped. */
export function processNamed(pid: number): ProcessName | undefined {
  const start = statOf(pid)?.start;
  return start === undefined ? undefined : {pid, start};
}

/** Whether this very process still runs. */
export function isAlive({pid, start}: ProcessName): boolean {
  return processNamed(pid)?.start === start;
}
