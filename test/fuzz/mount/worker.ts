import {copyFileSync, mkdirSync, readdirSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {Worker} from 'node:worker_threads';
import {CHECKOUT} from '../../support/checkout.js';
import {type Case, Cases} from './cases.js';
import {ContainedMount} from './contained.js';
import {Progress} from './progress.js';
import type {WalkResult} from './walk.js';
import type {WalkRequest} from './walker.js';

/**
 * One job of the mount fuzzing: `worker DIRECTORY SEED WALKER`. Takes numbers of cases, one a line, and answers each with a line
 * of JSON. Mounts with the library's helper in this process; a thread walks the mount and is watched from here.
 */
const [directory = '', seed = '1', walkerProgram = ''] = process.argv.slice(2);

/** What one operation may take. */
const LIMIT_MS = 5_000;
/** Where the machine is so busy that the server does not get the processor, and it has worked for less than the limit. */
const STARVED_MS = 120_000;
const WATCH_MS = 100;
const FAILED = join(CHECKOUT, '.cache', 'fuzz-failures');

/** What came of a case. */
export interface CaseResult {
  n: number;
  description: string;
  outcome: 'walked' | 'refused';
  /** With what the image was refused. */
  refusal?: string;
  operations: number;
  walk?: WalkResult;
  slowest?: {kind: string; ms: number};
  /** The server's memory at its highest, bytes. */
  memory: number;
  serverPid?: number;
  findings: string[];
}

const progress = new Progress();
const walker = new Worker(walkerProgram, {workerData: progress.memory, execArgv: []});

/** Walks, and stops an operation that takes longer than it may by ending the server. */
function walked(mount: ContainedMount, n: number): Promise<WalkResult | string> {
  progress.reset();
  let begun = {operation: 0, seconds: 0};
  let stuck: string | undefined;
  return new Promise((resolve) => {
    const watch = setInterval(() => {
      const {running, operations} = progress;
      if (running === undefined) return;
      const activity = mount.serverActivity;
      if (begun.operation !== operations) begun = {operation: operations, seconds: activity.seconds};
      if (running.ms <= LIMIT_MS || stuck !== undefined) return;
      const worked = activity.seconds - begun.seconds;
      if (activity.state === 'R' && worked * 1000 < LIMIT_MS && running.ms < STARVED_MS) return;
      stuck = `${running.kind} takes ${running.ms} ms (server ${activity.state}, ${worked} s of processor)`;
      mount.abort();
    }, WATCH_MS);
    walker.once('message', (result: WalkResult) => {
      clearInterval(watch);
      resolve(stuck ?? result);
    });
    const request: WalkRequest = {root: mount.target, seed: Number(seed) + n};
    walker.postMessage(request);
  });
}

async function runCase(n: number, damaged: Case): Promise<CaseResult> {
  const result: CaseResult = {
    n,
    description: damaged.description,
    outcome: 'refused',
    operations: 0,
    memory: 0,
    findings: [],
  };
  const mounted = await ContainedMount.make(damaged.file, join(directory, `mount-${n}`));
  if (!(mounted instanceof ContainedMount)) {
    result.refusal = mounted.code;
    if (mounted.finding !== undefined) result.findings.push(mounted.finding);
    return result;
  }
  result.outcome = 'walked';
  result.serverPid = mounted.serverPid;
  const walk = await walked(mounted, n);
  result.operations = progress.operations;
  result.slowest = progress.slowest;
  result.memory = mounted.serverMemory;
  if (typeof walk === 'string') result.findings.push(walk);
  else {
    result.walk = walk;
    result.findings.push(...walk.findings);
    if (!mounted.serverRuns) result.findings.push('the server is gone');
  }
  result.findings.push(...mounted.complaints, ...(await mounted.end()));
  return result;
}

/** Keeps what a case mounted; its number and seed make it again, this is for other tools. */
function keep({n, description, findings}: CaseResult, file: string): void {
  mkdirSync(FAILED, {recursive: true});
  const name = join(FAILED, `mount-${seed}-${n}`);
  copyFileSync(file, `${name}.img`);
  writeFileSync(`${name}.txt`, `${[description, ...findings].join('\n')}\n`);
}

const cases = new Cases(Number(seed), directory);
let descriptors = 0;
let done = 0;
for await (const line of createInterface({input: process.stdin})) {
  const n = Number(line);
  const damaged = cases.begin(n);
  const result = await runCase(n, damaged);
  const open = readdirSync('/proc/self/fd').length;
  // The first cases open what stays: caches of the runtime, the walker's own.
  if (done++ === 5) descriptors = open;
  else if (done > 5 && open > descriptors + 4) {
    result.findings.push(`${open} descriptors are open, ${descriptors} were after the first cases`);
    descriptors = open;
  }
  if (result.findings.length > 0) keep(result, damaged.file);
  damaged.undo();
  writeSync(1, `${JSON.stringify(result)}\n`);
}
cases.close();
await walker.terminate();
