import {readFileSync} from 'node:fs';
import type {MountStats} from './model.js';

/** _SC_CLK_TCK: 100 on every architecture that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/PID/stat counted from the state, which is field 3: proc_pid_stat(5). */
const FIELD = {state: 0, minflt: 7, majflt: 9, utime: 11, stime: 12, threads: 17, starttime: 19} as const;

export type ProcessStats = NonNullable<MountStats['process']>;

function fieldsOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything; count from behind its last parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** A process by id and start time, which no other process ever has together. */
export interface ProcessName {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly start: string;
}

/** The process that has this id now; undefined when there is none or it only waits to be reaped. */
export function processNamed(pid: number): ProcessName | undefined {
  const fields = fieldsOf(pid);
  const start = fields?.[FIELD.starttime];
  if (start === undefined || /^[ZX]/.test(fields?.[FIELD.state] ?? 'Z')) return undefined;
  return {pid, start};
}

/** Whether this very process still runs. */
export function isAlive({pid, start}: ProcessName): boolean {
  return processNamed(pid)?.start === start;
}

/** Resident memory in bytes, 0 for a process that is gone. */
function residentBytes(pid: number): number {
  try {
    // VmRSS is in KiB whatever the page size; it is missing for a zombie.
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    return 1024 * Number(/^VmRSS:\s*(\d+) kB$/m.exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** What a process has used, by the kernel's word; undefined when it is gone. */
export function processStats({pid, start}: ProcessName): ProcessStats | undefined {
  const fields = fieldsOf(pid);
  if (fields === undefined || fields[FIELD.starttime] !== start) return undefined;
  const number = (field: number): number => Number(fields[field] ?? 0);
  return {
    cpuSeconds: (number(FIELD.utime) + number(FIELD.stime)) / TICKS_PER_SECOND,
    residentBytes: residentBytes(pid),
    minorFaults: number(FIELD.minflt),
    majorFaults: number(FIELD.majflt),
    threads: number(FIELD.threads),
  };
}
