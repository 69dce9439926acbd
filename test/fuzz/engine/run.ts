import {spawn} from 'node:child_process';
import {copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ChildReport} from './child.js';
import {failureFolder} from './corpus.js';

export interface TargetRun {
  /** The child's program, bundled. */
  program: string;
  target: string;
  seed: number;
  /** How many inputs, without guidance; or else for how many seconds, with it. */
  iterations?: number;
  seconds?: number;
}

export interface TargetResult extends ChildReport {
  target: string;
  /** What must not happen, and the file with the input that makes it happen again. */
  failure?: {what: string; input: string};
}

/** Megabytes of JavaScript heap that a target may have. */
const HEAP = 256;
/** Beyond the time that the inputs have: a child that is still there hangs. */
const PATIENCE_MS = 60_000;
/** Inputs that a slow machine runs in a second, at the least. */
const LEAST_RATE = 50;

/** Runs one target in a process of its own. An input that ends or hangs it is kept and told. */
export async function runTarget(run: TargetRun): Promise<TargetResult> {
  const {program, target, seed, iterations = 0, seconds = 0} = run;
  const folder = mkdtempSync(join(tmpdir(), 'fuseward-target-'));
  const current = join(folder, 'current');
  writeFileSync(current, '');
  try {
    const args = [target, `${seed}`, `${iterations}`, `${seconds}`, current];
    const limitMs = seconds * 1000 + (iterations / LEAST_RATE) * 1000 + PATIENCE_MS;
    const {report, what} = await child(program, args, limitMs);
    const result: TargetResult = {
      target,
      ...(report ?? {runs: 0, corpus: 0, added: 0, covered: 0, slowestMs: 0}),
    };
    if (what !== undefined) result.failure = {what, input: keepCurrent(current, `${target}-${seed}`)};
    return result;
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/** Runs one input, for a failure that is to be looked at. @returns what the child said, undefined for nothing bad */
export async function runInput(program: string, target: string, input: string): Promise<string | undefined> {
  const {what} = await child(program, [target, '0', '0', '0', input], PATIENCE_MS);
  return what;
}

async function child(
  program: string,
  args: readonly string[],
  limitMs: number,
): Promise<{report?: ChildReport; what?: string}> {
  const node = spawn(process.execPath, [`--max-old-space-size=${HEAP}`, program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let hangs = false;
  const watch = setTimeout(() => {
    hangs = true;
    node.kill('SIGKILL');
  }, limitMs);
  let said = '';
  let errors = '';
  node.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  node.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-3000);
  });
  const how = await new Promise<string>((resolve) =>
    node.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`)),
  );
  clearTimeout(watch);
  if (hangs) return {what: `it does not end (${limitMs} ms)`};
  if (how !== 'exit code 0' || said === '') return {what: `${how}: ${errors.trim()}`};
  return {report: JSON.parse(said) as ChildReport};
}

/** Takes the input at hand out of the child's file. */
function keepCurrent(current: string, name: string): string {
  const kept = join(failureFolder(), name);
  const bytes = readFileSync(current);
  if (bytes.length < 4) copyFileSync(current, kept);
  else writeFileSync(kept, bytes.subarray(4, 4 + bytes.readUInt32LE(0)));
  return kept;
}
