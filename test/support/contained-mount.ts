import {spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {CHECKOUT} from './checkout.js';

const FUSEWARD = join(CHECKOUT, 'bin', 'fuseward');
/** A mount that takes so long has failed. */
const PATIENCE_MS = 30_000;

/** Why nothing can be mounted by fuseward here; undefined when it can. Belongs into the title of what is skipped. */
export function cannotContain(): string | undefined {
  if (!existsSync(join(CHECKOUT, 'dist', 'cli', 'main.js'))) return 'not built';
  if (!existsSync('/dev/fuse')) return 'no /dev/fuse';
  if (spawnSync('bwrap', ['--version']).error !== undefined) return 'no bubblewrap';
  return undefined;
}

export interface CommandResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command as a user does. */
export function fuseward(...args: string[]): CommandResult {
  const {status, stdout, stderr} = spawnSync(FUSEWARD, args, {
    encoding: 'utf8',
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  return {status, stdout, stderr};
}

/** What a mount may leave behind: lines of /proc/self/mountinfo, loop devices in use, and processes. */
export interface Traces {
  mounts: string[];
  loops: string[];
  processes: string[];
}

/** What is there of a mount, by the image's or the target's path, and by the processes that served it. */
export function tracesOf(mark: string, servers: readonly number[] = []): Traces {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const loops = readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .map((name) => `${name} ${textOf(`/sys/block/${name}/loop/backing_file`)}`);
  return {
    mounts: mounts.filter((line) => line.includes(mark)),
    loops: loops.filter((line) => line.includes(mark)),
    processes: servers.map((pid) => textOf(`/proc/${pid}/cmdline`)).filter((line) => line !== ''),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** The processes that serve a mount: the server, and all above it that are there for nothing else. */
export function serversOf(target: string): number[] {
  const {record} = JSON.parse(fuseward('status', target, '--json').stdout) as {record?: {serverPid?: number}};
  const pids: number[] = [];
  for (let pid = record?.serverPid ?? 0; pid > 1 && pids.length < 8; ) {
    const line = textOf(`/proc/${pid}/cmdline`);
    if (pids.length > 0 && !/^\S*bwrap/.test(line)) break;
    pids.push(pid);
    pid = Number(/^PPid:\s+(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0);
  }
  return pids;
}

/** Bytes of memory of processes, shared pages divided among their users (Pss). */
export function memoryOf(pids: readonly number[]): number {
  const kib = pids.map((pid) => Number(/Pss: +(\d+) kB/.exec(textOf(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0));
  return kib.reduce((sum, each) => sum + each, 0) * 1024;
}

/** Mounts an image in a contained server. @throws with what the command said */
export function mountContained(
  image: string,
  target: string,
  options: readonly string[] = ['-t', 'ext4'],
): void {
  const {status, stderr} = fuseward('mount', ...options, image, target);
  if (status !== 0) throw new Error(`mount: ${status} ${stderr}`);
}

/** @throws with what the command said */
export function unmountContained(target: string): void {
  const {status, stderr} = fuseward('umount', target);
  if (status !== 0) throw new Error(`umount: ${status} ${stderr}`);
}

/** A contained mount of an image for the time of an action, in a directory of its own that is gone afterwards. */
export async function withContainedMount<T>(
  image: string,
  action: (target: string) => T | Promise<T>,
): Promise<T> {
  const target = mkdtempSync(join(tmpdir(), 'fuseward-contained-'));
  try {
    mountContained(image, target);
  } catch (error) {
    rmdirSync(target);
    throw error;
  }
  try {
    return await action(target);
  } finally {
    unmountContained(target);
    rmdirSync(target);
  }
}
