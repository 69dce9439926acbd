import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, realpathSync, rmSync} from 'node:fs';
import {request} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {CHECKOUT} from '../../test/support/checkout.js';
import {unmount} from '../machine/unmount.js';
import {type Mounted, served} from './contender.js';
import {policiesFor, serversAt} from './fuseward.js';

const POLICY = '[server]\npool = 2\n';
/** How long a manager and its servers may take to be ready. */
const PATIENCE_MS = 30_000;

/** Why no mount can be made from a pool of waiting servers; undefined when it can. */
export function cannotPool(): string | undefined {
  return policiesFor('device', POLICY) === undefined ? 'policy knows no server.pool yet' : undefined;
}

/** A manager of its own, with servers that wait for mounts (`server.pool`), asked by its admin API. */
export class WarmPool {
  readonly #manager: ChildProcess;
  readonly #directory: string;
  readonly #socketPath: string;

  private constructor(manager: ChildProcess, directory: string, socketPath: string) {
    this.#manager = manager;
    this.#directory = directory;
    this.#socketPath = socketPath;
  }

  static async start(): Promise<WarmPool> {
    const policies = policiesFor('device', POLICY);
    if (policies === undefined) throw new Error(cannotPool());
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-bench-pool-')));
    const socketPath = join(directory, 'admin.sock');
    const args = ['daemon', '--run-dir', directory, '--admin-socket', socketPath, '--policy', policies];
    const manager = spawn(join(CHECKOUT, 'bin', 'fuseward'), args, {stdio: 'ignore'});
    return new WarmPool(manager, directory, socketPath);
  }

  /** Resolves when all wait that are to: none starts while a mount is measured. @throws Error when that doesn't come */
  async ready(): Promise<void> {
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(50)) {
      const {body} = await this.#ask('GET', '/v1/pool').catch(() => ({body: {types: []}}));
      const {types = []} = body as {types?: Array<{ready: number; wanted: number}>};
      if (types.some(({ready, wanted}) => wanted > 0 && ready === wanted)) return;
    }
    throw new Error('the pool does not fill');
  }

  /** Mounts an image read-only. @throws Error with what the manager said */
  async mount(image: string, target: string): Promise<Mounted> {
    const order = {source: image, target, type: 'ext4', options: ['ro']};
    const {status, body} = await this.#ask('POST', '/v1/mounts', order);
    if (status !== 201) throw new Error(`the manager does not mount: ${status} ${JSON.stringify(body)}`);
    return served(
      target,
      () => serversAt(target),
      () => unmount(target),
    );
  }

  async close(): Promise<void> {
    if (this.#manager.exitCode === null) {
      const ended = once(this.#manager, 'exit');
      this.#manager.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#directory, {recursive: true, force: true});
  }

  #ask(method: string, path: string, order?: object): Promise<{status: number; body: unknown}> {
    return new Promise((resolve, reject) => {
      const headers = order === undefined ? {} : {'content-type': 'application/json'};
      const asked = request({socketPath: this.#socketPath, method, path, headers}, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => (text += part));
        answer.on('end', () => resolve({status: answer.statusCode ?? 0, body: JSON.parse(text) as unknown}));
        answer.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(order === undefined ? undefined : JSON.stringify(order));
    });
  }
}
