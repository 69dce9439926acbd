import {type ChildProcess, spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import type {CaseResult} from './worker.js';

/** A case mounts, walks and unmounts, each with limits of its own; a worker that says nothing for so long hangs. */
const SILENCE_MS = 180_000;

/** A worker's process, which is started again when it ends or hangs. */
export class Job {
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #errors = '';
  /** Takes the worker's answer, or that there will be none. */
  #take: (line: string | undefined) => void = () => undefined;

  /** @param args the worker's program and its arguments */
  constructor(args: readonly string[]) {
    this.#args = args;
  }

  /** Runs one case; what ends the worker is a finding. */
  async run(n: number): Promise<CaseResult> {
    const child = this.#start();
    const answer = new Promise<string | undefined>((resolve) => {
      this.#take = resolve;
    });
    let silent = false;
    const watch = setTimeout(() => {
      silent = true;
      child.kill('SIGKILL');
    }, SILENCE_MS);
    child.stdin!.write(`${n}\n`);
    const line = await answer;
    clearTimeout(watch);
    if (line !== undefined) return JSON.parse(line) as CaseResult;
    this.#child = undefined;
    const what = silent ? `the worker said nothing in ${SILENCE_MS} ms` : 'the worker ended';
    const finding = `${what}: ${this.#errors.trim()}`;
    return {n, description: '', outcome: 'refused', operations: 0, memory: 0, findings: [finding]};
  }

  #start(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const child = spawn(process.execPath, this.#args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A signal from the terminal is for who runs the jobs: a worker ends when its case has.
      detached: true,
    });
    this.#errors = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    // A worker that is gone is noticed by the end of its answers.
    child.stdin!.on('error', () => undefined);
    const lines = createInterface({input: child.stdout!});
    lines.on('line', (line) => this.#take(line)).on('close', () => this.#take(undefined));
    this.#child = child;
    return child;
  }

  /** Lets the worker end by itself. @returns what it said on standard error */
  async close(): Promise<string> {
    const child = this.#child;
    if (child === undefined) return '';
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.stdin!.end();
    await ended;
    return this.#errors;
  }
}
