import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {basename, join} from 'node:path';
import {CHECKOUT} from '../test/support/checkout.js';

export interface Contender {
  name: string;
  /** For the head of the table. */
  version: string;
  /** Mounts an image read-only; returns when the command that does it has ended. */
  mount(image: string, target: string): void;
  unmount(target: string): void;
  /** Programs that serve the mount, for their memory; none for the kernel. */
  programs: readonly string[];
}

const run = (command: string, ...args: string[]): string => execFileSync(command, args, {encoding: 'utf8'});

const kernel: Contender = {
  name: 'kernel ext4',
  version: 'loop device, mount -o ro',
  mount: (image, target) => void run('mount', '-t', 'ext4', '-o', 'ro,loop', image, target),
  unmount: (target) => void run('umount', target),
  programs: [],
};

const fuse2fs: Contender = {
  name: 'fuse2fs',
  version: spawnSync('fuse2fs', ['-V'], {encoding: 'utf8'}).stderr?.match(/fuse2fs [\d.]+/)?.[0] ?? 'fuse2fs',
  mount: (image, target) => void run('fuse2fs', '-o', 'ro', image, target),
  unmount: (target) => void run('umount', target),
  programs: ['fuse2fs'],
};

const FUSEWARD = join(CHECKOUT, 'bin', 'fuseward');

const fuseward: Contender = {
  name: 'fuseward',
  version: 'contained server',
  mount: (image, target) => void run(FUSEWARD, 'mount', '-t', 'ext4', image, target),
  unmount: (target) => void run(FUSEWARD, 'umount', target),
  programs: ['node', 'bwrap'],
};

/** All that can run here; Debian's fuse2fs is installed when it is missing and apt is there. */
export function contenders(): Contender[] {
  const list = [kernel];
  if (installFuse2fs()) list.push(fuse2fs);
  else console.error('fuse2fs is missing and can not be installed: not measured');
  if (existsSync(FUSEWARD)) list.push(fuseward);
  else console.error('bin/fuseward is missing (npm run build): not measured');
  return list;
}

function installFuse2fs(): boolean {
  const present = (): boolean => spawnSync('fuse2fs', ['-V']).error === undefined;
  if (present()) return true;
  console.error('installing fuse2fs by apt-get, to measure against it');
  spawnSync('apt-get', ['install', '-y', '-q', 'fuse2fs'], {stdio: 'inherit'});
  return present();
}

/** The processes there are, by id, with the name of their program. */
export function processes(): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.set(Number(name), basename(readlinkSync(`/proc/${name}/exe`)));
    } catch {
      // A kernel thread has none, and a process may have ended meanwhile.
    }
  }
  return found;
}

/** MiB of memory, shared pages divided among their users (Pss), of the processes of some programs that were not there before. */
export function memoryOf(programs: readonly string[], before: ReadonlyMap<number, string>): number | null {
  if (programs.length === 0) return null;
  let kib = 0;
  for (const [pid, program] of processes()) {
    if (before.has(pid) || !programs.includes(program)) continue;
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      kib += Number(/^Pss: +(\d+) kB/m.exec(text)?.[1] ?? 0);
    } catch {
      // Ended meanwhile.
    }
  }
  return kib / 1024;
}
