import {spawn, spawnSync} from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import type {CommandPlan} from '../../src/control/command-plan.js';
import {encodeCommandPlan} from '../../src/control/command-plan.js';
import type {Connection} from '../../src/helper/connection.js';
import {mount} from '../../src/helper/mount.js';
import {DEFAULT_MOUNT_POLICY, type MountPolicy} from '../../src/helper/mount-policy.js';
import type {MountDependencies, MountResult} from '../../src/helper/mount-request.js';
import {findRuntime} from '../../src/launch/runtime.js';
import {processState} from '../../src/sys/process.js';
import {seqpacketPair} from '../../src/sys/socket.js';
import {ALLOWED} from './helper-support.js';

/** Nobody's user, and far from those that fuseward gives its own servers. */
const UID = 1_900_000_000;
/** The shim by the path that libfuse has compiled in. */
const OVERLAID = '/usr/bin/fusermount3';

/** Why no adapter can be tried here; undefined when it can. */
export function cannotAdapt(...programs: string[]): string | undefined {
  if (process.geteuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/fuse')) return 'no /dev/fuse';
  if (!existsSync(findRuntime('adapter').program)) return 'not built';
  return ['/usr/bin/bwrap', ...programs].find((path) => !existsSync(path))?.replace(/^/, 'no ');
}

/** What a test says of a run; the rest has sensible values. */
export interface Trial {
  readonly plan: Partial<CommandPlan> & Pick<CommandPlan, 'command'>;
  /** Whether it shares the network of the machine. */
  readonly sharesNetwork?: boolean;
  /** Further words of bubblewrap. */
  readonly sandbox?: readonly string[];
  readonly options?: string[];
  readonly source?: string;
  readonly policy?: Partial<MountPolicy>;
  /** Descriptors that the sandbox gets from 4 on; closed when it has them. */
  readonly inherited?: readonly number[];
  /** Starts a relay between the kernel and the program. */
  readonly observe?: MountDependencies['observe'];
  /** What is done with the mount while it is there. */
  readonly use?: (target: string, result: MountResult) => void | Promise<void>;
}

export interface TrialEnd {
  /** The helper's sentence, where the mount failed. */
  readonly failure: string | undefined;
  /** What was written to standard error in the sandbox. */
  readonly log: string;
  readonly result: MountResult | undefined;
}

/** A directory with an image and a mount point that others may read, and sandboxes in which an adapter runs. */
export class AdapterRoom {
  readonly dir: string = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-adapter-')));
  readonly target = join(this.dir, 'mnt');
  readonly image = join(this.dir, 'image');
  readonly #logPath = join(this.dir, 'log');
  readonly #shim = join(this.dir, 'fusermount3');
  readonly #passwd = join(this.dir, 'passwd');
  #monitor: number | undefined;

  constructor() {
    spawnSync('chmod', ['0755', this.dir]);
    mkdirSync(this.target);
    writeFileSync(this.image, Buffer.alloc(4096), {mode: 0o644});
    writeFileSync(this.#passwd, `trial:x:${UID}:${UID}::/tmp:/bin/sh\n`);
    writeFileSync(this.#shim, '#!/bin/sh\nexec /fuseward/bin/fusermount3 "$@"\n', {mode: 0o555});
  }

  get log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, 'utf8') : '';
  }

  /** Mounts, uses, unmounts; nothing runs any more afterwards. */
  async run(trial: Trial): Promise<TrialEnd> {
    rmSync(this.#logPath, {force: true});
    const policy = {...DEFAULT_MOUNT_POLICY, deadlineMs: 10_000, ...trial.policy};
    let failure: string | undefined;
    let result: MountResult | undefined;
    try {
      result = await mount(
        {
          source: trial.source ?? this.image,
          target: this.target,
          type: trial.plan.type ?? 'trial',
          options: trial.options ?? [],
          callerUid: 0,
          callerGid: 0,
          callerGroups: [],
        },
        {
          policy,
          decide: () => ALLOWED,
          connect: () => this.#start(trial),
          ...(trial.observe === undefined ? {} : {observe: trial.observe}),
        },
      );
      await trial.use?.(this.target, result);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      if (result !== undefined) throw error;
    } finally {
      if (result !== undefined) spawnSync('umount', ['-l', this.target]);
      await this.#allGone();
    }
    return {failure, log: this.log, result};
  }

  /** A copy of a file where every user gets to it; the checkout may lie where only root does. */
  shown(path: string): string {
    const copy = join(this.dir, `shown-${basename(path)}`);
    if (!existsSync(copy)) copyFileSync(path, copy);
    return copy;
  }

  /** Pids of what runs under the sandbox's user. */
  processes(): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && runsAs(pid, UID));
  }

  remove(): void {
    rmSync(this.dir, {recursive: true});
  }

  #start({plan, sandbox = [], inherited = [], sharesNetwork = false}: Trial): Connection {
    const runtime = findRuntime('adapter');
    const [ours, theirs] = seqpacketPair();
    const whole: CommandPlan = {
      type: 'trial',
      way: 'auto',
      source: {kind: 'served'},
      target: '/fuseward/target',
      environment: {HOME: '/tmp'},
      secrets: [],
      network: 'none',
      ...plan,
    };
    const words = [
      ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts'],
      ...(sharesNetwork ? [] : ['--unshare-net']),
      ...['--new-session', '--cap-drop', 'ALL', '--ro-bind', '/usr', '/usr'],
      ...['/bin', '/sbin', '/lib', '/lib64'].flatMap((path) => ['--symlink', `usr${path}`, path]),
      ...['--proc', '/proc', '--dev', '/dev', '--dev-bind', '/dev/null', '/dev/fuse', '--tmpfs', '/tmp'],
      ...['--ro-bind', this.#passwd, '/etc/passwd', '--symlink', '/proc/self/mounts', '/etc/mtab'],
      ...(existsSync(OVERLAID) ? ['--ro-bind', this.#shim, OVERLAID] : []),
      ...['--tmpfs', '/fuseward', '--dir', '/fuseward/bin', '--dir', '/fuseward/target'],
      ...[
        '--ro-bind',
        this.shown(runtime.program),
        '/fuseward/adapter.js',
        '--ro-bind',
        this.shown(runtime.native),
        '/fuseward/koffi.node',
      ],
      ...sandbox,
      ...['--chdir', '/', '--', runtime.node, '--v8-pool-size=1', '--no-warnings', '/fuseward/adapter.js'],
      encodeCommandPlan(whole),
    ];
    spawnSync('touch', [this.#logPath]);
    const child = spawn('/bin/sh', ['-c', `exec "$@" 2<>${this.#logPath} >&2`, 'sh', ...asUser(words)], {
      cwd: '/',
      detached: true,
      env: {PATH: '/usr/bin:/bin'},
      stdio: ['ignore', 'ignore', 'ignore', theirs.fd, ...inherited],
    });
    theirs.close();
    for (const fd of inherited) closeSync(fd);
    this.#monitor = child.pid;
    let closed = false;
    child.once('exit', () => {
      closed = true;
    });
    return {
      socket: ours,
      kind: 'embedded',
      server: {
        pid: child.pid,
        readLog: () => this.log,
        kill: () => this.#kill(),
        exited: () => closed,
      },
    };
  }

  #kill(): void {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
  }

  /** A server ends with its mount; whatever does not is told of, and ended. */
  async #allGone(): Promise<void> {
    const end = performance.now() + 3000;
    while (this.processes().length > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const left = this.processes();
    this.#kill();
    if (left.length > 0) {
      const names = left.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '));
      throw new Error(`still there (monitor ${this.#monitor}): ${names.join('; ')}`);
    }
  }
}

function asUser(words: readonly string[]): string[] {
  return ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '/usr/bin/bwrap', ...words];
}

function runsAs(pid: number, uid: number): boolean {
  try {
    const {uids, state} = processState(pid);
    return uids[0] === uid && state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}
