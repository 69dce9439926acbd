import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {CHECKOUT} from '../checkout.js';
import {type CommandOptions, type Ended, runCommand} from '../systemd/command.js';

const SCRIPT = join(CHECKOUT, 'test/support/scratch/room.sh');

/**
 * A system of its own over a root directory that stays as it is: namespaces for mounts, processes and ipc, and a tmpfs for what is
 * changed. The network and the devices are the machine's. Everything ends and goes with it.
 */
export class Room {
  readonly #child: ChildProcess;
  #pid = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * @param lower the root directory
   * @param binds files and directories of this machine, and where they are to be seen
   */
  static async open(
    lower: string,
    binds: ReadonlyArray<readonly [from: string, to: string]> = [],
  ): Promise<Room> {
    const work = mkdtempSync(join(tmpdir(), 'fuseward-scratch-'));
    const unshare = ['unshare', '--mount', '--pid', '--ipc', '--fork', '--kill-child'];
    // setpriv and --kill-child: a test that is killed takes it along.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...unshare, 'sh', SCRIPT, work, lower], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const room = new Room(child);
    child.stdin!.end(binds.map(([from, to]) => `${from} ${to}\n`).join(''));
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr!.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      child.stdout!.once('data', () => resolve());
      child.once('close', () => {
        rmdirSync(work);
        reject(new Error(`a room in namespaces can't be made: ${said}`));
      });
    });
    room.#pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
    return room;
  }

  /** Where a path of it can be reached from outside. */
  path(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`;
  }

  /** Runs a program in it, as root, with no environment but the given one. */
  run(argv: readonly string[], opts: CommandOptions = {}): Promise<Ended> {
    const enter = ['nsenter', '--target', `${this.#pid}`, '--mount', '--pid', '--ipc'];
    return runCommand([...enter, '--', ...argv], opts);
  }

  /** Runs a program that must succeed. @throws Error with what it said */
  async must(argv: readonly string[], opts: CommandOptions = {}): Promise<string> {
    const {status, stdout, stderr} = await this.run(argv, opts);
    if (status !== 0)
      throw new Error(`${argv.join(' ')} (exit code ${status}): ${stderr}${stdout.slice(-2_000)}`);
    return stdout;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    // Process 1 of its namespace: whatever else runs in there ends with it, and the mounts with the last.
    spawnSync('kill', ['-KILL', `${this.#pid}`]);
    await closed;
  }
}
