import {type ChildProcess, spawn} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {foreignText} from '../service/foreign-text.js';
import {MOUNTING} from '../start/mounting.js';
import {closeAll, type OwnedFd} from '../sys/fd.js';
import {fromCommand} from './errors.js';
import {ManagerError} from './face.js';
import type {MountPool} from './mount-pool.js';
import type {ServerNews} from './server-meetings.js';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));

/** What bin/fuseward starts, for this process's own Node: the words after its name. */
export function programWords(args: readonly string[]): string[] {
  // As there: room for all that a mount allocates, so that no garbage is collected on its way.
  const flags = MOUNTING.includes(args[0] ?? '') ? ['--min-semi-space-size=4'] : [];
  return [...flags, PROGRAM, ...args];
}

/** The environment of commands: none of the manager's, which is a service manager's word for the manager alone. */
export const COMMAND_ENVIRONMENT: NodeJS.ProcessEnv = {PATH: '/usr/sbin:/usr/bin:/sbin:/bin'};
/** Bytes of a command's output that are kept. */
const LONGEST_OUTPUT = 1 << 20;
/** Commands at once: each is a Node process that competes with the mounts it makes for the machine. */
const AT_ONCE = 4;
/** Callers that may wait for their turn. */
const MOST_WAITING = 256;

interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** How a command is run. */
interface RunOptions {
  readonly fds?: readonly OwnedFd[];
  readonly type?: string | undefined;
  readonly onServer?: (news: ServerNews) => void;
}

/**
 * Runs commands of this program as processes of their own: a mount blocks its thread while it talks to the server, and an unmount
 * may wait for one that hangs, which the manager must not. A few at a time, the others in the order they came.
 */
export class CommandRunner {
  readonly #waiting: Array<() => void> = [];
  readonly #atOnce: number;
  readonly #pool: MountPool | undefined;
  #running = 0;

  constructor({atOnce = AT_ONCE, pool}: {atOnce?: number; pool?: MountPool} = {}) {
    this.#atOnce = atOnce;
    this.#pool = pool;
  }

  /**
   * Runs `fuseward ARGS` and gives what it printed as JSON, or undefined when it printed nothing.
   * @param fds what the command gets as descriptors 3, 4 and so on; closed here as soon as it has them
   * @param type of what it mounts: a command that waits with a server of this type does it, if there is one
   * @param onServer gets what a mount command tells of its server while the mount is still being made
   * @throws ManagerError with the command's own sentence; `timeout` when it was ended after `withinMs`; `too-many`
   */
  async run(
    args: readonly string[],
    withinMs: number,
    {fds = [], type, onServer}: RunOptions = {},
  ): Promise<unknown> {
    if (this.#waiting.length >= MOST_WAITING) {
      closeAll(fds);
      throw new ManagerError('conflict', 'too-many', `${MOST_WAITING} orders wait already`, {
        hint: 'try again when some of them are done',
      });
    }
    await this.#turn();
    try {
      const waiting = type === undefined ? undefined : this.#pool?.use(type, args, fds);
      const child = waiting?.child ?? start(args, fds);
      closeAll(fds);
      const hooks = args[0] === 'mount' ? {isDone: toldOfMount, onServer} : {};
      return result(await outputOf(child, withinMs, hooks), args[0] ?? '');
    } finally {
      closeAll(fds);
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= this.#atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
  }
}

function start(args: readonly string[], fds: readonly OwnedFd[]): ChildProcess {
  // The working directory of a service may be gone; paths are absolute anyway.
  return spawn(process.execPath, programWords(args), {
    cwd: '/',
    // A session of its own: a signal from the daemon's terminal is not meant for the servers that come of it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...fds.map(({fd}) => fd)],
    env: COMMAND_ENVIRONMENT,
  });
}

/** Whether a mount command has told of its mount: the record is kept by then, and nothing but its own end is left to wait for. Of another shape, its end is. */
function toldOfMount(stdout: string): boolean {
  return stdout.startsWith('{"mountId":') && stdout.endsWith('}\n');
}

/** A line in which a mount command tells of its server, before its mount is made. */
const NEWS = /^\{"server":.+\}\n/;

/** Undefined for a line that is none of ours after all. */
function newsIn(line: string): ServerNews | undefined {
  try {
    return (JSON.parse(line) as {server: ServerNews | null}).server ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param isDone whether what a command has printed is all that is wanted of it: its end is not waited for then
 * @param onServer as for `CommandRunner.run`
 */
function outputOf(
  child: ChildProcess,
  withinMs: number,
  {isDone = () => false, onServer}: {isDone?: (stdout: string) => boolean; onServer?: RunOptions['onServer']},
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const text = {stdout: '', stderr: ''};
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      // A mount command that is killed at any moment leaves nothing.
      child.kill('SIGKILL');
    }, withinMs);
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = child[name]!;
      stream.setEncoding('utf8');
      stream.on('data', (piece: string) => {
        if (text[name].length < LONGEST_OUTPUT) text[name] += piece;
        for (let line = NEWS.exec(text.stdout); line !== null; line = NEWS.exec(text.stdout)) {
          text.stdout = text.stdout.slice(line[0].length);
          const news = newsIn(line[0]);
          if (news !== undefined) onServer?.(news);
        }
        if (!isDone(text.stdout)) return;
        clearTimeout(timer);
        resolve({code: 0, ...text, timedOut: false});
      });
    }
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({code, ...text, timedOut});
    });
  });
}

function result({code, stdout, stderr, timedOut}: Output, command: string): unknown {
  if (timedOut) {
    throw new ManagerError('timeout', 'deadline', `can't ${command}: the command did not end in time`, {
      errno: 'ETIMEDOUT',
    });
  }
  let value: {error?: {message: string; code: string; errno?: string}} | undefined;
  try {
    value = stdout.trim() === '' ? undefined : JSON.parse(stdout);
  } catch {
    value = undefined;
  }
  if (value?.error !== undefined) throw fromCommand(value.error);
  if (code === 0) return value;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const said = foreignText(last.replace(/^fuseward: /, ''));
  throw new ManagerError(
    'server-failed',
    'command-failed',
    said === '' ? `can't ${command}: the command ended with code ${code}` : said,
  );
}
