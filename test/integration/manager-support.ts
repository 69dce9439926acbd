import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import {request} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {eventually} from '../../src/helper/cleanup.js';
import type {ManagerEvent, MountView} from '../../src/manager/model.js';
import {CHECKOUT} from '../support/checkout.js';
import {cannotContain} from '../support/contained-mount.js';
import {FUSEWARD, type Outcome} from './command-support.js';

/** Why the manager can't be tested here with mounts, or undefined. */
export function missingForManager(): string | undefined {
  if (process.geteuid?.() !== 0) return 'not root';
  return cannotContain();
}

/** Whether something is so within this time; generous, since these tests share the machine. */
export const SOON_MS = 30_000;

/** What `Room.leftovers` gives where nothing is left. */
export const NOTHING = {mounts: [], loops: [], records: [], sockets: []};

/** One event with its time of arrival. */
interface Heard extends ManagerEvent {
  readonly at: number;
}

/** A running `fuseward daemon`. */
export interface Daemon {
  readonly pid: number;
  /** What it logged so far, parsed. */
  log(): Array<Record<string, unknown>>;
  /** Lines of it that are no JSON: what it complained of. */
  stderr(): string;
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** What came back of a request. */
export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** `/proc/self/mountinfo` of FUSE mounts that others have at the moment the room is made would be copied into it, and keep them busy. */
const PREPARE = `
for target in $(awk '$0 ~ / - fuse(blk)?[. ]/ {print $5}' /proc/self/mountinfo); do umount --lazy "$target" || true; done
mkdir -p /run/fuseward
mount -t tmpfs -o mode=0755 none /run/fuseward
echo ready
exec cat`;

/**
 * A mount namespace with an empty /run/fuseward, in which a daemon sees the mounts of its test and no others, whatever runs on
 * the machine. What is mounted in it is gone with it.
 */
export class Room {
  readonly dir: string;
  readonly #holder: ChildProcess;
  readonly #children = new Set<ChildProcess>();

  static async create(): Promise<Room> {
    const args = ['--mount', '--propagation', 'private', 'sh', '-ec', PREPARE];
    const holder = spawn('unshare', args, {stdio: ['pipe', 'pipe', 'inherit']});
    await new Promise<void>((resolve, reject) => {
      holder.stdout!.once('data', () => resolve());
      holder.once('exit', (code) => reject(new Error(`unshare: ${code}`)));
    });
    return new Room(holder);
  }

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-room-')));
  }

  /** Where a path of the room is found from outside. */
  path(inside: string): string {
    return `/proc/${this.#holder.pid}/root${inside}`;
  }

  get namespace(): string[] {
    return ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`, '--'];
  }

  /** Runs a command in the room. @throws with what it said */
  run(...command: string[]): string {
    const [program, ...args] = [...this.namespace, ...command];
    return execFileSync(program!, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
  }

  /** Starts a command in the room. */
  start(...command: string[]): ChildProcess {
    const [program, ...args] = [...this.namespace, ...command];
    const child = spawn(program!, args, {stdio: ['ignore', 'pipe', 'pipe']});
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  fuseward(...args: string[]): Outcome {
    const [program, ...rest] = [...this.namespace, FUSEWARD, ...args];
    const {status, stdout, stderr} = spawnSync(program!, rest, {encoding: 'utf8', timeout: 60_000});
    return {code: status, stdout, stderr};
  }

  /** Runs fuseward without blocking the test. */
  async fusewardLater(...args: string[]): Promise<Outcome> {
    const child = this.start(FUSEWARD, ...args);
    const text = {stdout: '', stderr: ''};
    child.stdout!.on('data', (piece) => (text.stdout += piece));
    child.stderr!.on('data', (piece) => (text.stderr += piece));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return {code, ...text};
  }

  /** Starts the daemon and waits until it listens. */
  async daemon(...args: string[]): Promise<Daemon> {
    const child = this.start(FUSEWARD, 'daemon', '--log-level', 'debug', ...args);
    let text = '';
    child.stderr!.on('data', (piece) => (text += piece));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const lines = (): string[] => text.split('\n').filter((line) => line !== '');
    const daemon: Daemon = {
      pid: child.pid!,
      log: () =>
        lines()
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line)),
      stderr: () =>
        lines()
          .filter((line) => !line.startsWith('{'))
          .join('\n'),
      end: (signal = 'SIGTERM') => {
        child.kill(signal);
        return ended;
      },
    };
    const up = await eventually(() => text.includes('"listening"') || child.exitCode !== null, SOON_MS);
    if (!up || child.exitCode !== null) throw new Error(`daemon: ${child.exitCode} ${text}`);
    return daemon;
  }

  ask<T>(method: string, path: string, body?: object): Promise<Answer<T>> {
    return new Promise((resolve, reject) => {
      const call = request(
        {
          socketPath: this.path('/run/fuseward/admin.sock'),
          method,
          path,
          // A kept connection may have ended while a test waited for a command, which nobody notices before it is used.
          agent: false,
          headers: body === undefined ? {} : {'content-type': 'application/json'},
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (piece) => (text += piece));
          response.on('end', () => {
            resolve({status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text)});
          });
        },
      );
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async mounts(): Promise<MountView[]> {
    const {body} = await this.ask<{mounts: MountView[]}>('GET', '/v1/mounts');
    return body.mounts;
  }

  /** Waits until a mount is listed in a state; the last view of it. */
  async seen(
    target: string,
    isSo: (view: MountView) => boolean = () => true,
  ): Promise<MountView | undefined> {
    const end = performance.now() + SOON_MS;
    for (;;) {
      const view = (await this.mounts()).find((mount) => mount.target === target);
      if ((view !== undefined && isSo(view)) || performance.now() > end) return view;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until a mount is not listed any more. */
  async unseen(target: string): Promise<boolean> {
    const end = performance.now() + SOON_MS;
    while ((await this.mounts()).some((mount) => mount.target === target)) {
      if (performance.now() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return true;
  }

  /** Listens to the events that come from now on. */
  async listen(): Promise<{heard: Heard[]; close(): void}> {
    const heard: Heard[] = [];
    const socketPath = this.path('/run/fuseward/admin.sock');
    let rest = '';
    const call = request({socketPath, path: '/v1/events'});
    call.on('error', () => undefined);
    call.end();
    await new Promise<void>((resolve, reject) => {
      call.once('error', reject);
      call.once('response', (response) => {
        response.setEncoding('utf8');
        response.on('error', () => undefined);
        response.on('data', (piece: string) => {
          rest += piece;
          const blocks = rest.split('\n\n');
          rest = blocks.pop()!;
          for (const block of blocks) {
            const data = /^data: ?(.*)$/m.exec(block)?.[1];
            if (data !== undefined) heard.push({...JSON.parse(data), at: performance.now()});
          }
        });
        resolve();
      });
    });
    return {heard, close: () => call.destroy()};
  }

  /** A small ext4 image with something in it, and an empty directory to mount it on. */
  image(name: string): {image: string; target: string} {
    const image = join(this.dir, `${name}.img`);
    const target = join(this.dir, name);
    copyFileSync(smallImage(this.dir), image);
    mkdirSync(target);
    return {image, target};
  }

  /** Mounts an image and gives what the command told. */
  mount(name: string): {
    image: string;
    target: string;
    serverPid: number;
    connectionId: number;
    mountId: number;
    loopDevice: string;
  } {
    const place = this.image(name);
    const {code, stdout, stderr} = this.fuseward('mount', '--json', '-t', 'ext4', place.image, place.target);
    if (code !== 0) throw new Error(`mount: ${code} ${stdout} ${stderr}`);
    return {...JSON.parse(stdout), ...place};
  }

  /** FUSE mounts in the room, loop devices around the room's images, and records and control sockets. */
  leftovers(): {mounts: string[]; loops: string[]; records: string[]; sockets: string[]} {
    const table = readFileSync(`/proc/${this.#holder.pid}/mountinfo`, 'utf8').split('\n');
    const loops = execFileSync('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE'], {
      encoding: 'utf8',
    });
    return {
      mounts: table.filter((line) => / - fuse(blk)?[. ]/.test(line)),
      loops: loops.split('\n').filter((line) => line.includes(this.dir)),
      records: namesIn(this.path('/run/fuseward/mounts')),
      sockets: namesIn(this.path('/run/fuseward/control')),
    };
  }

  /** Ends everything that was started in the room and takes its mounts away. */
  async close(): Promise<void> {
    const ends = [...this.#children].map((child) => {
      child.kill('SIGKILL');
      return new Promise((resolve) => child.once('exit', resolve));
    });
    await Promise.all(ends);
    for (const line of this.leftovers().mounts) {
      spawnSync(this.namespace[0]!, [...this.namespace.slice(1), 'umount', '--lazy', line.split(' ')[4]!]);
    }
    const gone = await eventually(() => this.leftovers().loops.length === 0, SOON_MS);
    this.#holder.stdin!.end();
    await new Promise((resolve) => this.#holder.once('exit', resolve));
    rmSync(this.dir, {recursive: true, force: true});
    if (!gone) throw new Error('a loop device of the room is still there');
  }
}

function namesIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

/** The room's first image, from which the others are copied. */
function smallImage(dir: string): string {
  const image = join(dir, 'small.img');
  if (existsSync(image)) return image;
  const source = join(CHECKOUT, 'src/wire');
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-d', source, image, '1M'], {
    stdio: 'pipe',
  });
  return image;
}

/** Whether a process runs and does not only wait to be reaped. */
export function runs(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}
