import {openSync, readFileSync, writeSync} from 'node:fs';
import {Random, seedOf} from '../../support/random.js';
import {TARGETS, type Target} from '../targets/index.js';
import {corpusOf, keepGrown} from './corpus.js';
import {Coverage} from './coverage.js';
import {mutate} from './mutator.js';

/**
 * The process in which inputs meet a parser: `child TARGET SEED ITERATIONS SECONDS CURRENT`. The input at hand lies in the file
 * CURRENT, so that one which ends or hangs this process is not lost. With SECONDS 0 it runs ITERATIONS inputs that follow from
 * the seed and the project's corpus alone; otherwise it runs for that time, and inputs that reach new code join the corpus.
 * With ITERATIONS 0 it runs CURRENT itself, once. The last line on standard output is a report.
 */
const [name = '', seed = '1', iterations = '0', seconds = '0', current = ''] = process.argv.slice(2);
const SLOW_MS = 1_000;
const BATCH = 64;
/** A working corpus that grows for ever would be mutated ever more thinly. */
const MAX_CORPUS = 2_000;

/** What the parent reads. */
export interface ChildReport {
  runs: number;
  corpus: number;
  /** Inputs of the corpus that this run added, and characters of source that ran. */
  added: number;
  covered: number;
  slowestMs: number;
}

const target = TARGETS.find((each) => each.name === name);
if (target === undefined) throw new Error(`there is no target ${name}`);
// The driver's errors are made by the hundred thousand here; their stacks are not needed to tell what failed.
Error.stackTraceLimit = 6;

const report: ChildReport = {runs: 0, corpus: 0, added: 0, covered: 0, slowestMs: 0};

function once({run}: Target, input: Uint8Array): void {
  const start = performance.now();
  run(input);
  const took = performance.now() - start;
  report.runs++;
  report.slowestMs = Math.max(report.slowestMs, took);
  if (took > SLOW_MS) throw new Error(`an input of ${input.length} bytes took ${Math.round(took)} ms`);
}

function fuzz(each: Target): void {
  const random = new Random(Number(seed) + seedOf(each.name));
  const until = Number(seconds) === 0 ? 0 : Date.now() + Number(seconds) * 1000;
  const corpus: Uint8Array[] = corpusOf(each.name, until !== 0);
  if (corpus.length === 0) corpus.push(Buffer.alloc(1));
  const currentFd = openSync(current, 'r+');
  const attempt = (input: Uint8Array): void => {
    // Length first: a shorter input leaves the rest of a longer one behind it.
    const head = Buffer.alloc(4);
    head.writeUInt32LE(input.length);
    writeSync(currentFd, Buffer.concat([head, input]), 0, input.length + 4, 0);
    once(each, input);
  };
  const coverage = until === 0 ? undefined : new Coverage(import.meta.url);
  for (const input of [...corpus]) attempt(input);
  coverage?.fresh();
  const enough = (): boolean => (until === 0 ? report.runs >= Number(iterations) : Date.now() >= until);
  while (!enough()) {
    const batch: Buffer[] = [];
    for (let i = 0; i < BATCH; i++) {
      const input = mutate(random.pick(corpus), random.pick(corpus), each.maxBytes, random);
      batch.push(input);
      attempt(input);
    }
    const fresh = coverage?.fresh() ?? new Map();
    // Which of them it was is found by running them again, one by one, until all that is new has an owner.
    for (const input of batch) {
      if (fresh.size === 0) break;
      attempt(input);
      if (coverage?.claim(fresh) !== true) continue;
      report.added++;
      keepGrown(each.name, input);
      if (corpus.length < MAX_CORPUS) corpus.push(input);
    }
  }
  report.corpus = corpus.length;
  report.covered = coverage?.size ?? 0;
  coverage?.close();
}

if (iterations === '0' && seconds === '0') once(target, readFileSync(current));
else fuzz(target);
writeSync(1, `${JSON.stringify(report)}\n`);
