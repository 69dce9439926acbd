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

/** A line about the queues, one about how requests are counted, and some about the processes where they are known. */
export function loadLines({queueDepth, waiting, countedBy, tracing, kernel, process}: MountStats): string[] {
  const waits =
    waiting === null ? 'how many wait in the kernel is not known' : `${waiting} wait in the kernel`;
  const atServer = countedBy !== 'kernel' ? [`${queueDepth} at the server`] : [];
  return [
    `requests: ${[...atServer, waits, ...limitsOf(kernel)].join(', ')}`,
    ...(tracing === null ? [] : [tracingLine(tracing)]),
    ...(process === null ? [] : processLines(process)),
  ];
}

function limitsOf(kernel: MountStats['kernel']): string[] {
  if (kernel === null || kernel.maxBackground === null) return [];
  return [`at most ${kernel.maxBackground} in the background`];
}

/** What the counts of a server's requests are worth that it has not counted itself. */
export function tracingLine({state, reason, seconds, gaps}: NonNullable<MountStats['tracing']>): string {
  if (state === 'unsupported')
    return `counted: not at all, because the kernel's trace events can't be had: ${printable(reason ?? '?')}`;
  const lost = gaps === 0 ? '' : `; ${gaps} times more came than could be read, and some are missing`;
  return `counted: by the kernel's trace events, for ${formatSeconds(seconds)} so far${lost}`;
}

function processLines(use: NonNullable<MountStats['process']>): string[] {
  const {cpuSeconds, userSeconds, systemSeconds, processes, threads, openFiles, io} = use;
  const plural = processes === 1 ? 'process' : `${processes} processes`;
  const open = openFiles === null ? '' : `, ${openFiles} open descriptors`;
  const times = `${formatSeconds(cpuSeconds)} of CPU time (${formatSeconds(userSeconds)} user, ${formatSeconds(systemSeconds)} system)`;
  const memory = `${formatBytes(use.residentBytes)} resident, ${formatBytes(use.privateBytes)} of it private`;
  return [
    `${plural}: ${times}, ${memory}, ${threads} threads${open}`,
    `${use.minorFaults} minor and ${use.majorFaults} major faults, ${use.voluntarySwitches} voluntary and ${use.involuntarySwitches} involuntary context switches`,
    ...(io === null
      ? []
      : [
          `read ${formatBytes(io.readBytes)}, ${formatBytes(io.storageReadBytes)} of it from storage; ` +
            `written ${formatBytes(io.writtenBytes)}, ${formatBytes(io.storageWrittenBytes)} to storage`,
        ]),
  ];
}

/** What a relay stopped, where there is one. */
function refusedLine({refused}: MountStats): string[] {
  if (refused === undefined) return [];
  const kinds = Object.entries(refused).sort(([, a], [, b]) => b - a);
  const told = kinds.map(([fault, count]) => `${printable(fault)} ${count}`);
  return [`stopped by the relay: ${told.length === 0 ? 'nothing' : told.join(', ')}`];
}

/** A line about what a kernel asked that reads files by itself. */
function iomapLine(iomap: NonNullable<MountStats['iomap']>): string {
  const {beginRead, beginWrite, beginZero, beginWriteback, beginReport, ends, ioends} = iomap;
  const {upserts, upsertFailures, retries, invalidations, errors} = iomap;
  return (
    `iomap: mappings for ${beginRead} reads, ${beginWrite} writes, ${beginZero} zeroings, ${beginWriteback} writebacks, ` +
    `${beginReport} reports; ${ends} ends, ${ioends} I/O ends; ${upserts} kept by the kernel (${upsertFailures} refused, ` +
    `${retries} looked up there, ${invalidations} invalidated), ${errors} errors`
  );
}

/** Counts and times by kind of request, then the errors by name, then how busy the server is. */
export function statsReport(stats: MountStats, width: number): string[] {
  const operations = Object.entries(stats.operations).sort(([, a], [, b]) => b.count - a.count);
  const errors = errorsOf(operations);
  return [
    ...(operations.length === 0
      ? [stats.countedBy === 'kernel' ? 'No requests since somebody first asked.' : 'No requests.']
      : table(COLUMNS, operations.map(cells), width)),
    '',
    ...(errors.length === 0 ? [] : [`errors: ${errors.join(', ')}`]),
    ...refusedLine(stats),
    ...(stats.iomap === null ? [] : [iomapLine(stats.iomap)]),
    ...loadLines(stats),
  ];
}
