import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {CHECKOUT} from '../test/support/checkout.js';
import {serversOf} from '../test/support/contained-mount.js';

export interface Contender {
  name: string;
  /** For the head of the table. */
  version: string;
  /** Mounts an image read-only; returns when the command that does it has ended. */
  mount(image: string, target: string): void;
  unmount(target: string): void;
  /** The processes that serve the mount, for their memory. */
  servers(image: string, target: string): number[];
}

const run = (command: string, ...args: string[]): string => execFileSync(command, args, {encoding: 'utf8'});

const kernel: Contender = {
  name: 'kernel ext4',
  version: 'loop device, mount -o ro',
  mount: (image, target) => void run('mount', '-t', 'ext4', '-o', 'ro,loop', image, target),
  unmount: (target) => void run('umount', target),
  servers: () => [],
};

const fuse2fs: Contender = {
  name: 'fuse2fs',
  version: spawnSync('fuse2fs', ['-V'], {encoding: 'utf8'}).stderr?.match(/fuse2fs [\d.]+/)?.[0] ?? 'fuse2fs',
  mount: (image, target) => void run('fuse2fs', '-o', 'ro', image, target),
  unmount: (target) => void run('umount', target),
  servers: (image) =>
    processes().filter(
      (pid) => textOf(pid, 'cmdline').startsWith(`fuse2fs\0`) && textOf(pid, 'cmdline').includes(image),
    ),
};

const FUSEWARD = join(CHECKOUT, 'bin', 'fuseward');

const fuseward: Contender = {
  name: 'fuseward',
  version: 'contained server',
  mount: (image, target) => void run(FUSEWARD, 'mount', '-t', 'ext4', image, target),
  unmount: (target) => void run(FUSEWARD, 'umount', target),
  servers: (_image, target) => serversOf(target),
};

/** All that can run here; Debian's fuse2fs is installed when it is missing and apt is there. */
export function contenders(): Contender[] {
  const list = [kernel];
  if (installFuse2fs()) list.push(fuse2fs);
  else console.error('fuse2fs is missing and can not be installed: not measured');
  if (existsSync(join(CHECKOUT, 'dist', 'cli', 'main.js'))) list.push(fuseward);
  else console.error('fuseward is not built (npm run build): not measured');
  return list;
}

function installFuse2fs(): boolean {
  const present = (): boolean => spawnSync('fuse2fs', ['-V']).error === undefined;
  if (present()) return true;
  console.error('installing fuse2fs by apt-get, to measure against it');
  spawnSync('apt-get', ['install', '-y', '-q', 'fuse2fs'], {stdio: 'inherit'});
  return present();
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** A text of /proc/PID; empty when the process has ended. */
function textOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
