import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmdirSync, statSync} from 'node:fs';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {memoryOf} from '../test/support/contained-mount.js';
import {MIB} from '../test/support/images.js';
import type {Contender, Mounted} from './contenders/contender.js';
import {WarmPool} from './contenders/pool.js';
import type {BenchSize} from './image.js';
import {dropCaches, evict, warm} from './machine/caches.js';
import {cpuSecondsOf, holdUring, peakMemoryOf} from './machine/usage.js';
import {type Outcome, work} from './native/client.js';
import {MEMORY_AFTER, MEMORY_IDLE, MEMORY_PEAK, type Phase, phases, type Step} from './phases.js';
import type {Recorder} from './recorder.js';
import type {Unit} from './report/line.js';

/** Calls by which it is found out how many fit into the time there is; V8 needs thousands until its last compiler has been there. */
const TRIAL = 5000;
const LEAST_CALLS = 500;
const MOST_CALLS = 2_000_000;
/** Mounts by one manager, in a round. */
const POOLED_MOUNTS = 3;
/** How long the last server waits before a mount is measured, so that its start is over for every processor. */
const SETTLED_MS = 300;

/** A fresh mount for the time of an action, in a directory of its own. */
export function withMount<T>(contender: Contender, image: string, action: (mounted: Mounted) => T): T {
  const target = mkdtempSync(join(tmpdir(), 'fuseward-bench-'));
  try {
    const mounted = contender.mount(image, target);
    try {
      // Servers that get no ring serve by the device all the same.
      if (contender.uring && !holdUring(mounted.servers())) {
        throw new Error(`${contender.name} does not use io_uring`);
      }
      return action(mounted);
    } finally {
      mounted.unmount();
    }
  } finally {
    rmdirSync(target);
  }
}

/** All steps of a phase on one fresh mount of a contender. */
export function measurePhase(
  {start, steps}: Phase,
  contender: Contender,
  image: string,
  size: BenchSize,
  into: Recorder,
): void {
  if (start === 'image cached') warm(image);
  else dropCaches();
  withMount(contender, image, (mounted) => {
    if (start === 'all caches dropped') dropCaches();
    for (const step of steps) {
      if (step.servers === undefined) measureStep(step, contender.name, mounted, size, into);
      else withPlace(mounted, step.servers, () => measureStep(step, contender.name, mounted, size, into));
    }
  });
}

/** Puts the servers' threads where the client is, or not, for the time of an action. Nothing is done where there is one processor only, or no server. */
function withPlace({servers}: Mounted, place: NonNullable<Step['servers']>, action: () => void): void {
  const pids = servers();
  const last = cpus().length - 1;
  if (pids.length === 0 || last === 0) return;
  bind(pids, place === 'same core' ? '0' : '1');
  try {
    action();
  } finally {
    bind(pids, `0-${last}`);
  }
}

function bind(pids: readonly number[], processors: string): void {
  // Threads come and go meanwhile: taskset complains of one that is gone, when it has done the others.
  for (const pid of pids) spawnSync('taskset', ['-a', '-c', '-p', processors, `${pid}`]);
}

function measureStep(step: Step, name: string, mounted: Mounted, size: BenchSize, into: Recorder): void {
  const perCall = step.count === undefined;
  const task = {
    operation: step.operation,
    count: step.count ?? callsIn(size.budgetMs, step, mounted),
    jobs: step.jobs ?? 1,
    ...(step.bound ? {core: 0} : {}),
  };
  const before = cpuSecondsOf(mounted.servers());
  const outcome = work(mounted.target, task);
  const server = cpuSecondsOf(mounted.servers()) - before;
  // A call that is repeated adds the same each time.
  const sum = perCall ? outcome.sum / BigInt(outcome.count) : outcome.sum;
  into.check(`${step.operation} by ${task.jobs}`, name, `${sum}`);
  const client = outcome.cpuUs / 1e6;
  const scale = perCall ? 1e6 / outcome.count : 1;
  into.record(step, name, quantity(outcome, step.unit), {client: client * scale, server: server * scale});
}

function callsIn(budgetMs: number, {operation}: Step, {target}: Mounted): number {
  const {ns} = work(target, {operation, count: TRIAL, jobs: 1});
  return Math.round(Math.min(MOST_CALLS, Math.max(LEAST_CALLS, (budgetMs * 1e6 * TRIAL) / ns)));
}

function quantity({ns, count}: Outcome, unit: Unit): number {
  switch (unit) {
    case 's':
      return ns / 1e9;
    case 'ms':
      return ns / 1e6;
    case 'µs':
      return ns / 1e3 / count;
    case 'IOPS':
      return (count * 1e9) / ns;
    case 'MiB/s':
      return ((count / MIB) * 1e9) / ns;
    default:
      throw new Error(`no client measures ${unit}`);
  }
}

/** Milliseconds from the start of the mount command until a file can be told of; the image is not in the page cache. */
export function measureMount(
  line: {line: string; unit: Unit},
  contender: Contender,
  image: string,
  into: Recorder,
): void {
  evict(image);
  let start = 0n;
  const timed: Contender = {
    ...contender,
    mount: (...args) => {
      start = process.hrtime.bigint();
      return contender.mount(...args);
    },
  };
  withMount(timed, image, ({target}) => {
    statSync(join(target, 'sequential'));
    into.record(line, contender.name, Number(process.hrtime.bigint() - start) / 1e6);
  });
}

/** The same by a manager whose servers wait, several times, each when all wait: the manager is there for these alone, and its first mount is told apart. */
export async function measurePooledMounts(
  {first, later}: Record<'first' | 'later', {line: string; unit: Unit}>,
  name: string,
  image: string,
  into: Recorder,
): Promise<void> {
  const pool = await WarmPool.start();
  const target = mkdtempSync(join(tmpdir(), 'fuseward-bench-'));
  try {
    for (let i = 0; i <= POOLED_MOUNTS; i++) {
      await pool.ready();
      await sleep(SETTLED_MS);
      evict(image);
      const start = process.hrtime.bigint();
      const mounted = await pool.mount(image, target);
      try {
        statSync(join(target, 'sequential'));
        into.record(i === 0 ? first : later, name, Number(process.hrtime.bigint() - start) / 1e6);
      } finally {
        mounted.unmount();
      }
    }
  } finally {
    await pool.close();
    rmdirSync(target);
  }
}

/** What a server needs for itself, after a mount and after each kind of work was done on it once. */
export function measureMemory(contender: Contender, image: string, size: BenchSize, into: Recorder): void {
  withMount(contender, image, (mounted) => {
    const servers = mounted.servers();
    if (servers.length === 0) return;
    const idle = memoryOf(servers);
    for (const {operation, count = TRIAL, jobs = 1} of phases(size).flatMap(({steps}) => steps)) {
      work(mounted.target, {operation, count, jobs});
    }
    into.record(MEMORY_IDLE, contender.name, idle / MIB);
    into.record(MEMORY_AFTER, contender.name, memoryOf(servers) / MIB);
    into.record(MEMORY_PEAK, contender.name, peakMemoryOf(servers) / MIB);
  });
}
