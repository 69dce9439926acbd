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
  const {status, stdout, stderr} = spawnSync(process.execPath, [FUSEWARD, ...args], {
    encoding: 'utf8',
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  return {status, stdout, stderr};
}

/** What a mount may leave behind: lines of /proc/self/mountinfo, loop devices in use, and processes, by id and program. */
export interface Traces {
  mounts: string[];
  loops: string[];
  processes: string[];
}

function processes(): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      if (/bwrap|fuseward\/server\.js|cli\/main\.js serve/.test(command))
        found.push(`${pid} ${command.slice(0, 80)}`);
    } catch {
      // Ended while it was looked at.
    }
  }
  return found;
}

/**
 * Traces of mounts whose text holds `mark`: the image's or the target's path. Processes are counted whole, so a test that
 * looks at them must be the only one that mounts.
 */
export function tracesOf(mark: string): Traces {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const loops = readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .map((name) => {
      const file = `/sys/block/${name}/loop/backing_file`;
      try {
        return `${name} ${readFileSync(file, 'utf8').trim()}`;
      } catch {
        return '';
      }
    });
  return {
    mounts: mounts.filter((line) => line.includes(mark)),
    loops: loops.filter((line) => line.includes(mark)),
    processes: processes(),
  };
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
    try {
      return await action(target);
    } finally {
      unmountContained(target);
    }
  } finally {
    rmdirSync(target);
  }
}
