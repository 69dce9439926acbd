import {type ChildProcess, spawn} from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {buildSync} from 'esbuild';
import type {Connection} from '../../src/helper/connection.js';
import {DEFAULT_MOUNT_POLICY, type MountPolicy} from '../../src/helper/mount-policy.js';
import type {MountDependencies, MountRequest} from '../../src/helper/mount-request.js';
import type {Decision} from '../../src/policy/index.js';
import type {Log} from '../../src/service/log.js';
import {seqpacketPair} from '../../src/sys/socket.js';
import type {FakeScript} from './helper-fake-server.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../..');

/** Why mounting tests can't run here, or undefined. */
export function missingForMounts(): string | undefined {
  if (process.geteuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/fuse')) return 'no /dev/fuse';
  return undefined;
}

/** Bundles a program of this folder so that plain node can run it; in the checkout, where koffi can be found. */
export function bundle(name: string): string {
  const outfile = join(ROOT, 'node_modules/.cache/fuseward-test', `${name}-${process.pid}.mjs`);
  mkdirSync(dirname(outfile), {recursive: true});
  buildSync({
    entryPoints: [join(HERE, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
  });
  return outfile;
}

/** A test's own directory with an image file and a mount point. */
export interface Playground {
  dir: string;
  image: string;
  target: string;
  remove(): void;
}

export function playground(): Playground {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-helper-')));
  const image = join(dir, 'disk.img');
  const target = join(dir, 'mnt');
  writeFileSync(image, Buffer.alloc(1 << 20));
  mkdirSync(target);
  return {dir, image, target, remove: () => rmSync(dir, {recursive: true})};
}

export function request(place: Playground, more: Partial<MountRequest> = {}): MountRequest {
  return {
    source: place.image,
    target: place.target,
    type: 'fake',
    options: [],
    callerUid: 0,
    callerGid: 0,
    callerGroups: [],
    ...more,
  };
}

/** A log that keeps what it is told. */
export function recordingLog(): Log & {
  lines: Array<{level: string; values: Record<string, unknown>; text: string}>;
} {
  const lines: Array<{level: string; values: Record<string, unknown>; text: string}> = [];
  const at = (level: string) => (values: Record<string, unknown>, text: string) => {
    lines.push({level, values, text});
  };
  return {lines, debug: at('debug'), info: at('info'), warn: at('warn')};
}

/** The word of a policy that allows everything. */
export const ALLOWED: Decision = {allowed: true, origin: undefined, reason: '', considered: [], forced: []};

/** Starts servers that follow a script, fake ones unless told, and remembers them. */
export class FakeServers<Script extends object = FakeScript> {
  readonly children: ChildProcess[] = [];
  readonly #program: string;
  /** All that servers printed. */
  output = '';

  constructor(program: string) {
    this.#program = program;
  }

  /** Collaborators of `mount` with a server that follows the script. */
  deps(
    script: Script,
    opts: {policy?: Partial<MountPolicy>; kind?: Connection['kind']; log?: Log} = {},
  ): MountDependencies {
    return {
      policy: {...DEFAULT_MOUNT_POLICY, deadlineMs: 10_000, ...opts.policy},
      ...(opts.log === undefined ? {} : {log: opts.log}),
      decide: () => ALLOWED,
      connect: () => this.start(script, opts.kind ?? 'embedded'),
    };
  }

  start(script: Script, kind: Connection['kind'] = 'embedded'): Connection {
    const [ours, theirs] = seqpacketPair();
    const child = spawn(process.execPath, [this.#program, JSON.stringify(script)], {
      stdio: ['ignore', 'pipe', 'pipe', theirs.fd],
      env: {PATH: '/usr/bin:/bin'},
    });
    theirs.close();
    this.children.push(child);
    let log = '';
    const take = (chunk: Buffer): void => {
      log += chunk.toString();
      this.output += chunk.toString();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    let closed = false;
    child.once('close', () => {
      closed = true;
    });
    const exited = (): boolean => closed;
    if (kind === 'socket') return {socket: ours, kind};
    return {
      socket: ours,
      kind,
      server: {pid: child.pid as number, readLog: () => log, kill: () => child.kill('SIGKILL'), exited},
    };
  }

  /** Waits until all are gone; true if they went by themselves. */
  async allGone(withinMs = 3000): Promise<boolean> {
    const end = performance.now() + withinMs;
    const alive = (): ChildProcess[] =>
      this.children.filter((child) => child.exitCode === null && child.signalCode === null);
    while (alive().length > 0 && performance.now() < end) await new Promise((done) => setTimeout(done, 10));
    const left = alive();
    for (const child of left) child.kill('SIGKILL');
    return left.length === 0;
  }
}

/** What a failed mount could leave behind that concerns this directory, and descriptors of this process. */
export interface Traces {
  mounts: string[];
  loops: string[];
  descriptors: number;
}

export function tracesOf(dir: string): Traces {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir));
  const loops = readdirSync('/sys/block').filter((name) => {
    try {
      return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').includes(dir);
    } catch {
      return false;
    }
  });
  return {mounts, loops, descriptors: openDescriptors()};
}

/** Descriptors of this process that a mount deals with: files of ours, sockets, memfds, fuse and loop devices. */
function openDescriptors(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /fuse|loop|memfd|disk\.img|\/mnt|fscontext/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}
