import {median} from './statistics.js';

export type Unit = 's' | 'ms' | 'µs' | 'MiB/s' | 'IOPS' | 'MiB';

/** Whether more of it is better. */
export function isRate(unit: Unit): boolean {
  return unit === 'MiB/s' || unit === 'IOPS';
}

/** What one contender did in one line, a value a round. */
export interface Samples {
  readonly values: number[];
  /** Processor time of the client: microseconds a call where the unit is that, else seconds. */
  readonly clientCpu: number[];
  /** The same of the processes that serve the mount. */
  readonly serverCpu: number[];
}

/** One line of the table as it was measured. */
export interface Line {
  readonly name: string;
  readonly unit: Unit;
  /** By the contender's name. */
  readonly samples: Record<string, Samples>;
}

/** The median of a contender in a line; undefined where it was not measured. */
export function middleOf(line: Line, contender: string): number | undefined {
  const values = line.samples[contender]?.values ?? [];
  return values.length === 0 ? undefined : median(values);
}

/** How many times better one is than another in a line: above 1 it is better. undefined where one was not measured. */
export function timesBetter(line: Line, one: string, other: string): number | undefined {
  const ours = middleOf(line, one);
  const theirs = middleOf(line, other);
  if (ours === undefined || theirs === undefined) return undefined;
  return isRate(line.unit) ? ours / theirs : theirs / ours;
}
