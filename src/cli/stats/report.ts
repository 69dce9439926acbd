import type {MountStats, OperationStats} from '../../manager/model.js';
import {type Column, table} from '../terminal/table.js';
import {printable} from '../terminal/text.js';
import {formatBytes, formatSeconds} from '../terminal/units.js';

const COLUMNS: readonly Column[] = [
  {title: 'REQUEST', flexible: true},
  ...['COUNT', 'ERRORS', 'P50', 'P90', 'P99', 'MAX', 'IN', 'OUT'].map((title) => ({
    title,
    align: 'right' as const,
  })),
];

type Named = readonly [name: string, counts: OperationStats];

function cells([name, {count, errors, latencySeconds, bytesIn, bytesOut}]: Named): string[] {
  const {p50, p90, p99, max} = latencySeconds;
  // Nothing was timed where even the longest time is 0.
  const times = [p50, p90, p99, max].map((seconds) => (max === 0 ? '-' : formatSeconds(seconds)));
  return [
    printable(name),
    String(count),
    String(errors),
    ...times,
    formatBytes(bytesIn),
    formatBytes(bytesOut),
  ];
}

/** `LOOKUP ENOENT 12`, the most frequent first. */
function errorsOf(operations: readonly Named[]): string[] {
  return operations
    .flatMap(([name, {errorsByErrno}]) =>
      Object.entries(errorsByErrno).map(([errno, count]) => ({name, errno, count})),
    )
    .sort((a, b) => b.count - a.count)
    .map(({name, errno, count}) => `${printable(name)} ${printable(errno)} ${count}`);
}

/** A line about the queues, and one about the process where it is known. */
export function loadLines({queueDepth, waiting, process}: MountStats): string[] {
  const waits =
    waiting === null ? 'how many wait in the kernel is not known' : `${waiting} wait in the kernel`;
  const lines = [`requests: ${queueDepth} at the server, ${waits}`];
  if (process === null) return lines;
  const {cpuSeconds, residentBytes, minorFaults, majorFaults, threads} = process;
  return [
    ...lines,
    `process: ${formatSeconds(cpuSeconds)} of CPU time, ${formatBytes(residentBytes)} resident, ${threads} threads, ` +
      `${minorFaults} minor and ${majorFaults} major faults`,
  ];
}

/** Counts and times by kind of request, then the errors by name, then how busy the server is. */
export function statsReport(stats: MountStats, width: number): string[] {
  const operations = Object.entries(stats.operations).sort(([, a], [, b]) => b.count - a.count);
  const errors = errorsOf(operations);
  return [
    ...(operations.length === 0 ? ['No requests.'] : table(COLUMNS, operations.map(cells), width)),
    '',
    ...(errors.length === 0 ? [] : [`errors: ${errors.join(', ')}`]),
    ...loadLines(stats),
  ];
}
