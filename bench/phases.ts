import {CLASSIC_MODES, URING_MODE} from './contenders/passthrough.js';
import {atLeast, atLeastBestOf, atMost, type Goal, onlyFor, within} from './goals.js';
import type {BenchSize} from './image.js';
import type {Operation} from './native/client.js';
import type {Unit} from './report/line.js';

const KERNEL = 'kernel ext4';
const FUSE2FS = 'fuse2fs';
const DEVICE = 'fuseward';
const URING = 'fuseward io_uring';

/** One line of the table that a client makes. */
export interface Step {
  readonly line: string;
  readonly unit: Unit;
  readonly operation: Operation;
  /** How often; without, as often as fits into the budget, and the value is for one call. */
  readonly count?: number;
  readonly jobs?: number;
  /** The client is bound to the first processor. */
  readonly bound?: boolean;
  /** Where the servers' threads are put; where they want, unless told. The client is bound to the first processor then. */
  readonly servers?: 'same core' | 'other core';
  /** A question that all contenders can be asked, those also that are there for questions only. */
  readonly question?: boolean;
  /** Explains another line, and has its place beside it. */
  readonly aside?: boolean;
  readonly goals?: readonly Goal[];
}

/** Lines that share one fresh mount, in this order. */
export interface Phase {
  /** Everything is dropped after mounting, or the image file is in the page cache before. */
  readonly start: 'all caches dropped' | 'image cached';
  readonly steps: readonly Step[];
}

/** All lines but those of mounting and of memory. */
export function phases(size: BenchSize): readonly Phase[] {
  const files = size.files.toLocaleString('en');
  const small = size.small.toLocaleString('en');
  return [
    {
      start: 'all caches dropped',
      steps: [
        {
          line: `walk of ${files} files, cold`,
          unit: 's',
          operation: 'walk',
          count: 1,
          goals: [atMost(2, KERNEL), atLeast(8, FUSE2FS)],
        },
        {line: 'the same walk, warm', unit: 's', operation: 'walk', count: 1, goals: [atMost(1.5, KERNEL)]},
      ],
    },
    {
      start: 'image cached',
      steps: [
        {
          line: 'stat, attributes cached',
          unit: 'µs',
          operation: 'stat',
          goals: [atMost(1.5, KERNEL)],
        },
        {
          line: 'stat that asks the server',
          unit: 'µs',
          operation: 'stat-forced',
          question: true,
          goals: [
            atLeast(3, FUSE2FS),
            atLeastBestOf(1, "passthrough_ll's best", CLASSIC_MODES),
            onlyFor(URING, atLeast(2, DEVICE)),
            onlyFor(URING, atLeastBestOf(1, "libfuse's io_uring", [URING_MODE])),
          ],
        },
        {
          line: 'the same, client bound to one core',
          unit: 'µs',
          operation: 'stat-forced',
          question: true,
          bound: true,
        },
        ...(['same core', 'other core'] as const).map(
          (servers): Step => ({
            line: `client bound, server on the ${servers}`,
            unit: 'µs',
            operation: 'stat-forced',
            question: true,
            aside: true,
            bound: true,
            servers,
          }),
        ),
        {line: 'open + close', unit: 'µs', operation: 'open-close', goals: [atMost(2, KERNEL)]},
      ],
    },
    {
      start: 'image cached',
      steps: [
        {
          line: `statx with birth time of ${files} files, first`,
          unit: 's',
          operation: 'stat-birth',
          count: size.files,
        },
        {line: 'the same statx again', unit: 's', operation: 'stat-birth', count: size.files},
      ],
    },
    {
      start: 'all caches dropped',
      steps: [
        {
          line: `open + read + close of ${small} small files, cold`,
          unit: 's',
          operation: 'read-small',
          count: size.small,
          goals: [atMost(3, KERNEL)],
        },
        {
          line: 'the same files, warm',
          unit: 's',
          operation: 'read-small',
          count: size.small,
          goals: [atMost(2.5, KERNEL)],
        },
      ],
    },
    {
      start: 'all caches dropped',
      steps: [
        {
          line: `sequential read of ${size.bigMiB} MiB, cold`,
          unit: 'MiB/s',
          operation: 'sequential',
          count: 1,
          goals: [atLeast(0.8, KERNEL)],
        },
        {
          line: 'the same read, warm',
          unit: 'MiB/s',
          operation: 'sequential',
          count: 1,
          goals: [atLeast(0.95, KERNEL)],
        },
      ],
    },
    {
      start: 'image cached',
      steps: [
        {
          line: 'random 4 KiB, O_DIRECT, 1 job',
          unit: 'IOPS',
          operation: 'random',
          count: 2 * size.reads,
          goals: [atLeast(1, KERNEL)],
        },
        {
          line: 'random 4 KiB, O_DIRECT, 4 jobs',
          unit: 'IOPS',
          operation: 'random',
          count: size.reads,
          jobs: 4,
          goals: [atLeast(0.7, KERNEL)],
        },
      ],
    },
  ];
}

/** Lines that are no work of a client's. */
export const MOUNT = {line: 'mount to first stat', unit: 'ms', goals: [within(250)]} as const;
export const MOUNT_POOL = {
  line: 'mount to first stat, from a warm pool',
  unit: 'ms',
  goals: [within(40)],
} as const;
export const MOUNT_POOL_FIRST = {
  line: 'the same, the first mount of its manager',
  unit: 'ms',
  goals: [],
} as const;
export const MEMORY_IDLE = {line: 'server memory, idle', unit: 'MiB', goals: [within(55)]} as const;
export const MEMORY_AFTER = {
  line: 'server memory after all of this',
  unit: 'MiB',
  goals: [within(110)],
} as const;
export const MEMORY_PEAK = {line: 'server memory, peak', unit: 'MiB', goals: []} as const;
