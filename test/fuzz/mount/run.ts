import {copyFileSync, mkdtempSync, realpathSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Worker} from 'node:worker_threads';
import {bundle} from '../../support/bundle.mjs';
import {tracesOf} from '../../support/contained-mount.js';
import {imageOf} from '../../support/images.js';
import {MUTANTS} from '../../support/mutant-recipes.js';
import {ContainedMount, fuzzPolicy} from './contained.js';
import {heldElsewhere} from './elsewhere.js';
import {Job} from './job.js';
import {KernelLog} from './kernel-log.js';
import type {SentinelReport} from './sentinel.js';
import type {CaseResult} from './worker.js';

export interface MountFuzzOptions {
  /** How many images. */
  images: number;
  seed: number;
  /** Number of the first case. */
  first: number;
  /** Images that are mounted at the same time. */
  jobs: number;
  /** No case is begun after this; what was done until then is told as usual. */
  stop?: AbortSignal;
  /** Called after each case. */
  onCase?: (result: CaseResult, done: number) => void;
}

export interface MountFuzzResult {
  images: number;
  mounted: number;
  refused: number;
  operations: number;
  /** Operations that failed with an error code, as they may. */
  failedOperations: number;
  codes: Record<string, number>;
  refusals: Record<string, number>;
  slowest: {kind: string; ms: number; n: number};
  /** The most memory that a server had resident, bytes, and what it may have. */
  mostMemory: number;
  memoryLimit: number;
  sentinel: SentinelReport;
  seconds: number;
  /** What must not happen, each with the number of the case. */
  findings: string[];
}

const FINDINGS = 25;

/**
 * Mounts damaged images in contained servers, several at once, does all sorts of things to each mount, and watches over a
 * healthy mount and the kernel's log meanwhile.
 */
export async function fuzzMounts(options: MountFuzzOptions): Promise<MountFuzzResult> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-fuzz-')));
  const programs = {
    worker: await bundle('test/fuzz/mount/worker.ts'),
    walker: await bundle('test/fuzz/mount/walker.ts'),
    sentinel: await bundle('test/fuzz/mount/sentinel.ts'),
  };
  try {
    return await watchedRun(options, directory, programs);
  } finally {
    for (const program of Object.values(programs)) rmSync(program, {force: true});
    // Not recursive over what may still be mounted: that would be reported, and left.
    if (tracesOf(directory).mounts.length === 0) rmSync(directory, {recursive: true});
  }
}

async function watchedRun(
  options: MountFuzzOptions,
  directory: string,
  programs: {worker: string; walker: string; sentinel: string},
): Promise<MountFuzzResult> {
  // Made here, so that the jobs don't make them all at the same time.
  for (const recipe of MUTANTS) imageOf(recipe);
  const kernelLog = new KernelLog();
  const sentinelImage = join(directory, 'sentinel.img');
  copyFileSync(imageOf(MUTANTS[0]!), sentinelImage);
  const healthy = await ContainedMount.make(sentinelImage, join(directory, 'sentinel'));
  if (!(healthy instanceof ContainedMount))
    throw new Error(`the sound image was refused: ${healthy.message}`);
  const sentinel = new Worker(programs.sentinel, {workerData: healthy.target, execArgv: []});
  const start = performance.now();
  const result: MountFuzzResult = {
    images: 0,
    mounted: 0,
    refused: 0,
    operations: 0,
    failedOperations: 0,
    codes: {},
    refusals: {},
    slowest: {kind: '', ms: 0, n: 0},
    mostMemory: 0,
    memoryLimit: fuzzPolicy().server.memoryBytes,
    sentinel: {rounds: 0, slowestMs: 0, findings: []},
    seconds: 0,
    findings: [],
  };
  const pids = new Set<number>();
  const looked = (n: string): void => {
    for (const line of kernelLog.complaints(pids)) result.findings.push(`${n}: the kernel says: ${line}`);
  };
  let next = options.first;
  const end = options.first + options.images;
  const runJob = async (number: number): Promise<void> => {
    const jobDirectory = realpathSync(mkdtempSync(join(directory, `job-${number}-`)));
    const job = new Job([programs.worker, jobDirectory, `${options.seed}`, programs.walker]);
    while (next < end && result.findings.length < FINDINGS && options.stop?.aborted !== true) {
      const each = await job.run(next++);
      if (each.serverPid !== undefined) pids.add(each.serverPid);
      note(each, result);
      looked(`about case ${each.n}`);
      options.onCase?.(each, result.images);
    }
    const said = await job.close();
    if (said !== '') result.findings.push(`worker ${number}: ${said}`);
  };
  try {
    await Promise.all(Array.from({length: options.jobs}, (_, number) => runJob(number)));
    result.sentinel = await new Promise((resolve) => {
      sentinel.once('message', resolve);
      sentinel.postMessage('report');
    });
    for (const finding of result.sentinel.findings) result.findings.push(`the healthy mount: ${finding}`);
    if (!healthy.serverRuns) result.findings.push('the healthy mount: its server is gone');
  } finally {
    await sentinel.terminate();
    for (const left of await healthy.end()) result.findings.push(`the healthy mount: ${left}`);
    looked('at the end');
    kernelLog.close();
  }
  const {mounts, loops} = tracesOf(directory);
  const left = heldElsewhere(directory) === undefined ? [...mounts, ...loops] : mounts;
  for (const each of left) result.findings.push(`left behind: ${each}`);
  result.seconds = (performance.now() - start) / 1000;
  return result;
}

function note(each: CaseResult, result: MountFuzzResult): void {
  result.images++;
  if (each.outcome === 'walked') result.mounted++;
  else {
    result.refused++;
    const refusal = each.refusal ?? 'not run';
    result.refusals[refusal] = (result.refusals[refusal] ?? 0) + 1;
  }
  result.operations += each.operations;
  result.failedOperations += each.walk?.errors ?? 0;
  for (const [code, count] of Object.entries(each.walk?.codes ?? {}))
    result.codes[code] = (result.codes[code] ?? 0) + count;
  if (each.slowest !== undefined && each.slowest.ms > result.slowest.ms)
    result.slowest = {...each.slowest, n: each.n};
  result.mostMemory = Math.max(result.mostMemory, each.memory);
  if (each.memory > result.memoryLimit) each.findings.push(`the server had ${each.memory} bytes`);
  for (const finding of each.findings)
    result.findings.push(`case ${each.n} (${each.description}): ${finding}`);
}
