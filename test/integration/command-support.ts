import {spawn, spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {CHECKOUT} from '../support/checkout.js';
import {run} from '../support/mounts.js';

/** The program as people start it. */
export const FUSEWARD: string = join(CHECKOUT, 'bin/fuseward');

/** Servers run under these user ids (policy/defaults.toml). */
const FIRST_UID = 1_946_157_056;
const UID_COUNT = 65_536;

/** What a command did. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the program and waits for it. `before` are words in front of it: setpriv, unshare. */
export function fuseward(args: readonly string[], before: readonly string[] = []): Outcome {
  const [command, ...rest] = [...before, FUSEWARD, ...args];
  const {status, stdout, stderr} = spawnSync(command!, rest, {encoding: 'utf8', timeout: 60_000});
  return {code: status, stdout, stderr};
}

/** Starts the program without waiting; the promise tells how it ended, null for a signal. */
export function startFuseward(args: readonly string[]): {pid: number; ended: Promise<number | null>} {
  const child = spawn(FUSEWARD, args, {stdio: 'ignore'});
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  return {pid: child.pid!, ended};
}

/** How many namespaces of processes lie between this machine and a process, by its `status`. */
function depthOf(status: string): number {
  const [, numbers = ''] = /^NSpid:(.*)$/m.exec(status) ?? [];
  return numbers.trim().split(/\s+/).length;
}

/** Processes that run under the user ids of servers, without those of a system in namespaces of its own, which others may have. */
export function serverProcesses(): number[] {
  // A server's sandbox is one namespace further down.
  const deepest = depthOf(readFileSync('/proc/self/status', 'latin1')) + 1;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'latin1');
        const uid = Number(/^Uid:\s*(\d+)/m.exec(status)?.[1]);
        const ours = uid >= FIRST_UID && uid < FIRST_UID + UID_COUNT && depthOf(status) <= deepest;
        return ours && !/^State:\s*Z/m.test(status);
      } catch {
        return false;
      }
    });
}

/** All processes below a process, the deepest last, by the kernel's own lists of children (proc_pid_children(5)). */
export function processesBelow(pid: number): number[] {
  const children = directChildren(pid);
  return [...children, ...children.flatMap(processesBelow)];
}

function directChildren(pid: number): number[] {
  try {
    const lists = readdirSync(`/proc/${pid}/task`).map((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1'),
    );
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  } catch {
    // It ended meanwhile.
    return [];
  }
}

/** Everything a mount attempt could leave, on the whole machine. */
export interface Leftovers {
  mounts: string[];
  loops: string[];
  servers: number;
  records: string[];
}

export function leftovers(dir: string): Leftovers {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const loops = run('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE']).split('\n');
  const records = statSync('/run/fuseward/mounts', {throwIfNoEntry: false})
    ? readdirSync('/run/fuseward/mounts')
    : [];
  return {
    mounts: lines.filter((line) => line.includes(dir)),
    loops: loops.filter((line) => line.includes(dir)),
    servers: serverProcesses().length,
    records: records.filter((name) => {
      try {
        return readFileSync(`/run/fuseward/mounts/${name}`, 'utf8').includes(dir);
      } catch {
        // Swept away by another command meanwhile.
        return false;
      }
    }),
  };
}

/** Waits a moment until nothing is left; gives what still is. */
export async function settled(dir: string, servers: number): Promise<Leftovers> {
  await eventually(() => {
    const left = leftovers(dir);
    return left.mounts.length + left.loops.length === 0 && left.servers <= servers;
  }, 15_000);
  return leftovers(dir);
}

/** A directory with a small real image and a mount point. */
export interface Bench {
  dir: string;
  image: string;
  target: string;
  remove(): void;
}

export function bench(): Bench {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-command-')));
  const image = join(dir, 'disk.img');
  const target = join(dir, 'mnt');
  mkdirSync(target);
  run('mke2fs', ['-q', '-t', 'ext4', '-d', join(CHECKOUT, 'src/wire'), image, '8M']);
  return {dir, image, target, remove: () => rmSync(dir, {recursive: true})};
}

/**
 * Gives each test of the suite that calls it a bench and the number of servers that run already, and sees to it that no mount and no
 * loop device is left of it.
 */
export function withBench(begin: (place: Bench, before: number) => void): void {
  let place: Bench;
  let before: number;
  beforeEach(() => {
    place = bench();
    before = serverProcesses().length;
    begin(place, before);
  });
  afterEach(async () => {
    expect(await settled(place.dir, before)).toMatchObject({mounts: [], loops: []});
    place.remove();
  });
}
