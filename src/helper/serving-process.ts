import {processStart} from '../sys/process-state.js';
import type {Connection} from './connection.js';
import type {LockDownReport} from './control-channel.js';

/** A process by id and start time (clock ticks since boot), which no other process ever has together. */
export interface ProcessName {
  readonly pid: number;
  readonly start: string;
}

/** The process that serves a new mount, what the mount gave it, and what it says of itself. */
export interface ServingProcess {
  /** Undefined where the kernel does not tell who it is, or it is gone. */
  readonly name: ProcessName | undefined;
  readonly kind: Connection['kind'];
  /** A relay holds the fuse device in its place. */
  readonly observed: boolean;
  /** Absolute and without symbolic links. */
  readonly sourcePath: string;
  readonly loopDevice: string | undefined;
  /** Further sources that it was given, absolute, and the loop devices around them. */
  readonly members: ReadonlyArray<{readonly path: string; readonly loopDevice?: string}>;
  readonly readOnly: boolean;
  readonly lockDown: LockDownReport | undefined;
}

/** The process that has this id now. */
export function processName(pid: number | undefined): ProcessName | undefined {
  const start = pid === undefined ? undefined : processStart(pid);
  return pid === undefined || start === undefined ? undefined : {pid, start};
}

/** Whether the id is still that process's. */
export function isStill(name: ProcessName | undefined): boolean {
  return name !== undefined && processStart(name.pid) === name.start;
}
