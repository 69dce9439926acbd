import {type ChildProcess, spawn} from 'node:child_process';
import {copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {buildSync} from 'esbuild';
import {pino} from 'pino';
import {type Admin, createAdmin, listenAdmin} from '../../src/admin/index.js';
import {CHECKOUT} from '../support/checkout.js';
import {FakeManager} from '../unit/admin/fake-manager.js';

/** The program made of the sources as they are, so that these tests need no build of everything. */
export class Program {
  readonly root: string = join(CHECKOUT, 'node_modules/.cache/fuseward-test', `cli-${process.pid}`);
  readonly path: string = join(this.root, 'dist/cli/main.mjs');

  constructor() {
    mkdirSync(join(this.root, 'dist/cli'), {recursive: true});
    copyFileSync(join(CHECKOUT, 'package.json'), join(this.root, 'package.json'));
    buildSync({
      entryPoints: [join(CHECKOUT, 'src/cli/main.ts')],
      outfile: this.path,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
      logLevel: 'silent',
    });
  }

  /** Starts it; its standard input is empty. */
  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(process.execPath, [this.path, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {...process.env, ...env},
    });
  }

  /** Runs it to its end. */
  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return ended(this.start(args, env));
  }

  remove(): void {
    rmSync(this.root, {recursive: true});
  }
}

/** What a program did. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a started program did, when it ends. */
export async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({code, signal, stdout, stderr}));
  });
}

/** The admin API as it is, on a manager in memory and a socket of its own. */
export class FakeDaemon {
  readonly manager: FakeManager;
  readonly dir: string = mkdtempSync(join(tmpdir(), 'fuseward-cli-'));
  readonly socket: string = join(this.dir, 'admin.sock');
  #admin: Admin | undefined;

  constructor(manager: FakeManager = new FakeManager()) {
    this.manager = manager;
  }

  async start(): Promise<void> {
    this.#admin = createAdmin(this.manager, {log: pino({level: 'silent'}), version: '0.1.0'});
    await listenAdmin(this.#admin, {socketPath: this.socket});
  }

  async stop(): Promise<void> {
    await this.#admin?.close();
    this.#admin = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.dir, {recursive: true});
  }
}

/** Whether a program is on this machine. */
export function installed(name: string): boolean {
  return ['/usr/bin', '/bin', '/usr/local/bin'].some((directory) => existsSync(join(directory, name)));
}
