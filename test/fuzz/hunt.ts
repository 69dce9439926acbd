import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';

export interface HuntOptions {
  /** The child's program, bundled. */
  program: string;
  image: string;
  /** A seed, or `every:KIND`. */
  plan: string;
  first: number;
  count: number;
  /** A case takes milliseconds; one that says nothing for so long has no end. */
  silenceMs?: number;
}

export interface HuntResult {
  /** Cases that were run. */
  cases: number;
  answers: number;
  errors: number;
  /** Error codes of the driver, each with the number of cases that met it. */
  codes: Map<string, number>;
  mostReads: number;
  mostBytes: number;
  /** What must not happen: the case's number, what was changed, what came of it. */
  failures: string[];
}

/** Megabytes of JavaScript heap that the child may have. */
const HEAP = 256;
const SILENCE_MS = 30_000;
const FAILURES = 25;

/** Runs cases in a child process and gathers what came of them. A case that ends the child is a failure, and the rest goes on in a new one. */
export async function hunt(options: HuntOptions): Promise<HuntResult> {
  const result: HuntResult = {
    cases: 0,
    answers: 0,
    errors: 0,
    codes: new Map(),
    mostReads: 0,
    mostBytes: 0,
    failures: [],
  };
  let first = options.first;
  const end = options.first + options.count;
  while (first < end && result.failures.length < FAILURES) {
    first = await runChild({...options, first, count: end - first}, result);
  }
  return result;
}

async function runChild(options: HuntOptions, result: HuntResult): Promise<number> {
  const {program, image, plan, first, count, silenceMs = SILENCE_MS} = options;
  const args = [`--max-old-space-size=${HEAP}`, program, image, plan, `${first}`, `${count}`];
  const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'pipe']});
  let silent = false;
  let watchdog = setTimeout(() => undefined, 0);
  const feed = (): void => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      silent = true;
      child.kill('SIGKILL');
    }, silenceMs);
  };
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const ended = new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? `exit ${code}`));
  });
  let running = '';
  let finished = false;
  feed();
  for await (const line of createInterface({input: child.stdout})) {
    feed();
    if (line.startsWith('case ')) running = line;
    else if (line === 'end') finished = true;
    else {
      note(line, running, result);
      running = '';
    }
  }
  const how = await ended;
  clearTimeout(watchdog);
  if (finished) return options.first + options.count;
  if (running === '') throw new Error(`the child ended outside of a case: ${how} ${errors}`);
  const what = silent ? `no answer in ${silenceMs} ms` : `the process ended: ${how} ${errors}`;
  result.failures.push(`${running}: ${what}`);
  return Number(/^case (\d+)/.exec(running)?.[1]) + 1;
}

function note(line: string, running: string, result: HuntResult): void {
  result.cases++;
  if (!line.startsWith('ok ')) {
    result.failures.push(`${running}: ${line}`);
    return;
  }
  const [, answers, errors, reads, bytes, codes = ''] = line.split(' ');
  result.answers += Number(answers);
  result.errors += Number(errors);
  result.mostReads = Math.max(result.mostReads, Number(reads));
  result.mostBytes = Math.max(result.mostBytes, Number(bytes));
  for (const code of codes.split(','))
    if (code !== '') result.codes.set(code, (result.codes.get(code) ?? 0) + 1);
}
