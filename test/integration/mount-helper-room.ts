import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {CHECKOUT} from '../support/checkout.js';
import {run} from '../support/mounts.js';
import type {Outcome} from './command-support.js';

/**
 * A mount namespace of its own in which /sbin has the mount helper, as an installed package puts it there: mount(8) looks for helpers
 * there alone. /etc/fstab, the administrator's policy and the directory of service sockets are the test's.
 */
export class MountHelperRoom {
  readonly dir: string = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-mount8-')));
  readonly image: string = join(this.dir, 'disk.img');
  readonly target: string = join(this.dir, 'mnt');
  readonly #holder: ChildProcess;

  private constructor() {
    chmodSync(this.dir, 0o755);
    for (const name of ['mnt', 'other', 'over', 'policy', 'services']) mkdirSync(join(this.dir, name));
    writeFileSync(join(this.dir, 'fstab'), '');
    run('mke2fs', ['-q', '-t', 'ext4', '-L', 'helped', '-d', join(CHECKOUT, 'src/wire'), this.image, '8M']);
    const script = `set -e
mount -t tmpfs tmpfs ${this.dir}/over
cd ${this.dir}/over
mkdir sbin sbin-work etc etc-work
mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=$PWD/sbin,workdir=$PWD/sbin-work /usr/sbin
mount -t overlay overlay -o lowerdir=/etc,upperdir=$PWD/etc,workdir=$PWD/etc-work /etc
cd /
ln -sf ${CHECKOUT}/bin/mount.fuseward /usr/sbin/mount.fuseward
mkdir -p /etc/fuseward/policy.d /run/filesystems
mount --bind ${this.dir}/policy /etc/fuseward/policy.d
mount --bind ${this.dir}/services /run/filesystems
mount --bind ${this.dir}/fstab /etc/fstab
echo ready
exec cat`;
    this.#holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  /** Makes one and waits until it stands. */
  static async open(): Promise<MountHelperRoom> {
    const room = new MountHelperRoom();
    const stood = await new Promise<boolean>((resolve) => {
      room.#holder.stdout!.once('data', () => resolve(true));
      room.#holder.once('exit', () => resolve(false));
    });
    if (!stood) throw new Error('no mount namespace with a mount helper in /sbin');
    return room;
  }

  /** Words that run a command inside. */
  get inside(): readonly string[] {
    return ['nsenter', '--mount', `--target=${this.#holder.pid}`];
  }

  /** Runs a command inside and waits for it. */
  run(...command: string[]): Outcome {
    const [program, ...args] = [...this.inside, ...command];
    const {status, stdout, stderr} = spawnSync(program!, args, {encoding: 'utf8', timeout: 60_000, cwd: '/'});
    return {code: status, stdout, stderr};
  }

  /** One column of the mount table for the target, without newline; empty where nothing is mounted. */
  shown(column: string, target: string = this.target): string {
    return this.run('findmnt', '--noheadings', '--mountpoint', target, '--output', column).stdout.trim();
  }

  /** Where a service of this type listens. */
  socketOf(type: string): string {
    return join(this.dir, 'services', type);
  }

  /** The administrator's policy for a type. */
  policy(type: string, text: string): void {
    writeFileSync(join(this.dir, 'policy', `${type}.toml`), text, {mode: 0o644});
  }

  fstab(text: string): void {
    writeFileSync(join(this.dir, 'fstab'), text);
  }

  /** Ends the namespace, and with it every mount in it. */
  async remove(): Promise<void> {
    const gone = new Promise((resolve) => this.#holder.once('exit', resolve));
    this.#holder.stdin!.end();
    await gone;
    rmSync(this.dir, {recursive: true});
  }
}
