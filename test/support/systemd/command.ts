import {spawn} from 'node:child_process';

/** What a command did; status is null for one that a signal ended, or that took longer than it may. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** What it reads on standard input; nothing unless told. */
  readonly input?: string;
  /** Default 60 s. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end, with no environment but the given one. */
export function runCommand(argv: readonly string[], opts: CommandOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LANG: 'C.UTF-8', ...opts.env},
      timeout: opts.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    const said = {stdout: '', stderr: ''};
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] += text;
      });
    }
    child.once('error', reject);
    // A program that does not read its input is no failure.
    child.stdin.once('error', () => {});
    child.once('close', (status) => resolve({status, ...said}));
    child.stdin.end(opts.input ?? '');
  });
}
