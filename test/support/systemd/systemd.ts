import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, realpathSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {CHECKOUT} from '../checkout.js';
import {hierarchies, makeGroups, removeGroup, unifiedHierarchy, unifiedLimitsMemory} from './cgroup.js';
import {type CommandOptions, type Ended, runCommand} from './command.js';

const SYSTEMD = '/lib/systemd/systemd';
const BOOT = join(CHECKOUT, 'test/support/systemd/boot.sh');
/** A systemd that takes so long to start, or to end, will not. */
const PATIENCE_MS = 60_000;

/** Why systemd can't be started as process 1 of namespaces here; undefined when it can. Belongs into the title of what is skipped. */
export function cannotRunSystemd(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync(SYSTEMD)) return 'no systemd';
  if (unifiedHierarchy() === undefined) return 'no cgroup 2';
  const overlay =
    'mount -t tmpfs t /mnt && cd /mnt && mkdir u w m && mount -t overlay -o lowerdir=/,upperdir=u,workdir=w o m';
  const probe = spawnSync('unshare', ['--mount', '--pid', '--fork', 'sh', '-c', overlay], {encoding: 'utf8'});
  if (probe.error !== undefined) return `no unshare: ${probe.error.message}`;
  if (probe.status !== 0) return `no overlay of / in a namespace: ${probe.stderr.trim()}`;
  return undefined;
}

export interface SystemdOptions {
  /**
   * MemoryMax= and TasksMax= shall hold. Where the unified hierarchy has no controllers for that, this gives systemd those of
   * version 1 beside it; else, and without this, it has the unified one alone.
   */
  readonly limits?: boolean;
}

/**
 * systemd as process 1 of fresh pid, mount, ipc, uts and cgroup namespaces, over an overlay of the machine's file system:
 * whatever is installed is there, whatever is changed is gone afterwards. Its own are /run, /tmp, /proc, /etc/systemd/system (empty) and
 * a journal; shared with the machine are the network, the devices (loop devices too) and the checkout, which is at its path
 * and at /usr/lib/fuseward, with a link in /usr/bin. /usr/bin/node is the Node that runs the tests. No udev runs, so there are no device units.
 */
export class Systemd {
  readonly #child: ChildProcess;
  readonly #groups: readonly string[];
  readonly #work: string;
  #pid = 0;
  #units = 0;
  #stderr = '';

  private constructor({limits = false}: SystemdOptions) {
    this.#work = mkdtempSync(join(tmpdir(), 'fuseward-systemd-'));
    const among = limits && !unifiedLimitsMemory() ? hierarchies() : [unifiedHierarchy()!];
    this.#groups = makeGroups(among, basename(this.#work));
    // setpriv and --kill-child: a test that is killed takes it along.
    const script =
      'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit; shift; done; shift; exec "$@"';
    const namespaces = ['--mount', '--pid', '--ipc', '--uts', '--cgroup'];
    const boot = ['sh', BOOT, this.#work, CHECKOUT, realpathSync(process.execPath)];
    const versionOne = among.flatMap(({options}) => options ?? []);
    const unshare = ['unshare', ...namespaces, '--fork', '--kill-child', ...boot, ...versionOne];
    this.#child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'sh', '-c', script, 'sh', ...this.#groups, '--', ...unshare],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  /** @throws Error with what went wrong, when it does not come up */
  static async start(opts: SystemdOptions): Promise<Systemd> {
    const systemd = new Systemd(opts);
    try {
      await systemd.#started();
      return systemd;
    } catch (error) {
      await systemd.stop();
      throw error;
    }
  }

  async #started(): Promise<void> {
    const children = `/proc/${this.#child.pid}/task/${this.#child.pid}/children`;
    const end = Date.now() + PATIENCE_MS;
    let state = 'not there yet';
    while (Date.now() < end) {
      if (this.#child.exitCode !== null) throw new Error(`systemd did not start: ${this.#stderr}`);
      this.#pid ||= Number(readFileSync(children, 'utf8').trim());
      // Before that it is still the script that makes its root.
      if (this.#pid !== 0 && readFileSync(`/proc/${this.#pid}/comm`, 'utf8') === 'systemd\n') {
        ({stdout: state} = await this.systemctl('is-active', 'fuseward-test.target'));
        if (state === 'active\n') return;
      }
      await sleep(50);
    }
    throw new Error(`systemd is not up after ${PATIENCE_MS / 1000} s: ${state}`);
  }

  /** Its process id as the machine knows it. */
  get pid(): number {
    return this.#pid;
  }

  /** Where a path of its file system can be reached from outside; its /proc too. Not through absolute links. */
  path(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`;
  }

  /** Runs a program in its namespaces, as root and outside of any unit. */
  run(argv: readonly string[], opts: CommandOptions = {}): Promise<Ended> {
    const namespaces = ['--mount', '--pid', '--ipc', '--uts', '--cgroup'];
    return runCommand(['nsenter', '--target', `${this.#pid}`, ...namespaces, '--', ...argv], opts);
  }

  /** Runs a program and expects that it succeeds. @returns its output @throws Error with what it said */
  async ok(argv: readonly string[], opts: CommandOptions = {}): Promise<string> {
    const {status, stdout, stderr} = await this.run(argv, opts);
    if (status !== 0) throw new Error(`${argv.join(' ')}: ${status} ${stdout}${stderr}`);
    return stdout;
  }

  /** Runs a program as a unit of its own to its end, with properties such as DynamicUser=yes. @returns what it said */
  async runUnit(properties: readonly string[], argv: readonly string[]): Promise<string> {
    this.#units += 1;
    const unit = `fuseward-test-${this.#units}.service`;
    const options = ['--quiet', `--unit=${unit}`, '--service-type=oneshot'];
    // Not --wait or --pipe, which need a D-Bus daemon.
    const set = properties.map((each) => `--property=${each}`);
    const {status, stderr} = await this.run(['systemd-run', ...options, ...set, ...argv]);
    if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}${await this.journal(unit)}`);
    await this.run(['journalctl', '--sync']);
    const own = ['_TRANSPORT=stdout', `_SYSTEMD_UNIT=${unit}`];
    return await this.ok(['journalctl', '--no-pager', '--output=cat', ...own]);
  }

  systemctl(...args: string[]): Promise<Ended> {
    return this.run(['systemctl', '--no-pager', ...args]);
  }

  /** The value of one property of a unit. */
  async property(unit: string, name: string): Promise<string> {
    const {stdout} = await this.systemctl('show', '--value', `--property=${name}`, unit);
    return stdout.trim();
  }

  /** What units have logged and what is logged about them; a pattern such as fuseward-ext4@* stands for several. */
  async journal(unit: string): Promise<string> {
    await this.run(['journalctl', '--sync']);
    return (await this.run(['journalctl', '--no-pager', '--output=cat', '--unit', unit])).stdout;
  }

  /** Ends it and everything in it, at once, and leaves nothing. */
  async stop(): Promise<void> {
    // Process 1 takes its namespace along; the parent of both has no other child.
    if (this.#pid !== 0) process.kill(this.#pid, 'SIGKILL');
    else this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await new Promise((resolve) => this.#child.once('exit', resolve));
    }
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        for (const group of this.#groups) if (existsSync(group)) removeGroup(group);
        rmdirSync(this.#work);
        return;
      } catch (error) {
        // Killed processes, and the mounts they had, take a moment to go.
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() > end) throw error;
        await sleep(20);
      }
    }
  }
}

/** Starts one; `stop` must be called in the end. */
export function startSystemd(opts: SystemdOptions = {}): Promise<Systemd> {
  return Systemd.start(opts);
}
