import {isRunning} from '../sys/process-state.js';
import type {MountRecord} from './mount-record.js';
import {unitGroupOf} from './process-cgroup.js';
import {processUsers} from './process-users.js';

/** The processes of a record's program of others with which all of it ends: the first of its sandbox, or all of its unit. */
function processesOf({sandbox, unit}: MountRecord): number[] {
  if (sandbox !== undefined) return isRunning(sandbox) ? [sandbox.pid] : [];
  if (unit === undefined) return [];
  return (processUsers().get(unit.uid) ?? []).filter((pid) => isIn(pid, unit.name));
}

/** Whether anything of a program of others still runs. */
export function isSandboxThere(record: MountRecord): boolean {
  return processesOf(record).length > 0;
}

/** Ends a program of others with all that it started. */
export function endSandbox(record: MountRecord): void {
  for (const pid of processesOf(record)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

/** User ids of units are given to others afterwards; names of their instances are not. */
function isIn(pid: number, unit: string): boolean {
  try {
    return unitGroupOf(pid)?.unit === unit;
  } catch {
    return false;
  }
}
