import {type ChildProcess, spawn} from 'node:child_process';
import {accessSync, constants, statSync} from 'node:fs';
import {basename} from 'node:path';
import {MountRefusal} from '../server/driver.js';
import {errnoOf, errnoText} from '../sys/errno.js';
import {ERRNO, errnoCode} from '../sys/errno-codes.js';
import {descendants} from './descendants.js';
import type {LastWords} from './last-words.js';

/** What is executed, and with what. */
export interface Execution {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Looks whether the program can be executed at all, before anything is done for it. @throws MountRefusal */
export function checkExecutable(path: string): void {
  try {
    accessSync(path, constants.X_OK);
    if (statSync(path).isFile()) return;
  } catch (error) {
    throw notExecuted(path, error);
  }
  throw new MountRefusal('EACCES', 'program-missing', `can't execute ${path}: it is no file`);
}

/** A program that does not start. */
export function notExecuted(path: string, error: unknown): MountRefusal {
  const errno = errnoOf(error);
  return new MountRefusal(
    errnoCode(errno) ?? 'EIO',
    'program-missing',
    `can't execute ${path}: ${errnoText(errno)}`,
  );
}

/** A program that runs as our child, with all that come from it. */
export class Program {
  /** Its file's name. */
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #words: LastWords;
  #end: string | undefined;

  /**
   * @param inherited descriptors that it gets from 3 on, in this order
   * @throws MountRefusal
   */
  constructor({words, environment}: Execution, inherited: readonly number[], lastWords: LastWords) {
    const [path = '', ...args] = words;
    this.name = basename(path);
    this.#words = lastWords;
    this.#child = spawn(path, args, {
      env: environment,
      cwd: '/',
      // A session of its own, as if it had been started from nowhere.
      detached: true,
      stdio: [0, 1, 2, ...inherited],
    });
    // A failed start has no process, and tells why by an event.
    this.#child.once('error', (error) => {
      const {message} = notExecuted(path, error);
      // It was found before: what is missing is what it needs to be run by.
      const lacks =
        errnoOf(error) === ERRNO.ENOENT ? ': that is what its first line names, or its loader' : '';
      this.#end = `did not start (${message}${lacks})`;
    });
    this.#child.once('exit', (code, signal) => {
      this.#end = signal === null ? `exited with status ${code}` : `was ended by ${signal}`;
    });
  }

  /** False where it could not even be executed. */
  get started(): boolean {
    return this.#child.pid !== undefined;
  }

  /** Whether nothing of it runs any more. A program that goes on in the background is still there. */
  get gone(): boolean {
    return this.#end !== undefined && descendants().length === 0;
  }

  /** How it ended: `exited with status 1`. */
  get ending(): string {
    return this.#end ?? 'runs';
  }

  /** The end of what it said; '' for nothing, or where nobody can know. */
  get lastWords(): string {
    return this.#words.read();
  }

  /** Ends it and all that come from it. */
  kill(): void {
    // One may start another while it is looked for them; bounded, because a fork bomb can do that for ever.
    for (let round = 0; round < 3; round++) {
      for (const pid of descendants()) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It ended meanwhile.
        }
      }
    }
  }
}
