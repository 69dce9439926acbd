import {readlinkSync} from 'node:fs';
import {encodeCommandPlan} from '../control/command-plan.js';
import type {ServerPolicy} from '../policy/index.js';
import {childProcess} from '../sys/child-process.js';
import {Errno} from '../sys/errno.js';
import {closeAll, O_DIRECTORY, O_PATH, O_RDONLY, type OwnedFd, openFd, sameFile} from '../sys/fd.js';
import {watchFile} from '../sys/inotify.js';
import {createMemfd} from '../sys/memfd.js';
import {openPidfd} from '../sys/pidfd.js';
import {waitReadable} from '../sys/poll.js';
import {processState, setRlimitOf} from '../sys/process.js';
import type {Binding} from './binding.js';
import type {CommandMount} from './command-mount.js';
import {bindingsFor, commandFor, homeOf, lockOn, mayWrite, planOf} from './command-needs.js';
import {commandLimits, configurationFiles} from './command-sandbox.js';
import type {EmbeddedServer} from './embedded-server.js';
import {grantNetwork, grantsOf, NetworkError} from './network.js';
import {unitGroupOf} from './process-cgroup.js';
import {processUsers} from './process-users.js';
import {serversAmong} from './sandbox-processes.js';
import {openSecret} from './secrets.js';
import {findTool} from './tools.js';
import {furnishNamespace, StrangeUnit} from './unit-namespace.js';

/** Descriptors that a plan names for secrets begin here; in a unit the adapter asks for them and has its own numbers. */
const FIRST_SECRET = 4;
/** Lines of the journal that are looked at, and how long journalctl(1) may take. */
const JOURNAL_LINES = 60;
const JOURNAL_MS = 3_000;

/** The process that answers for a unit, by the kernel's word. */
export interface UnitProcess {
  readonly pid: number | undefined;
  readonly uid: number | undefined;
}

/**
 * A unit of systemd's that runs policy's command for one mount. systemd makes the sandbox, which is the same for all mounts of a type; what belongs to this mount (source, grants,
 * state, secrets, network, and the command itself) is put into it here once its adapter has answered, which starts nothing before.
 */
export class CommandUnit {
  readonly #type: string;
  readonly #policy: ServerPolicy;
  readonly #mount: CommandMount;
  readonly #given = new Map<string, OwnedFd>();
  #bindings: readonly Binding[] = [];
  #relay: EmbeddedServer | undefined;
  #uid: number | undefined;
  /** Its mount namespace, which nobody else has. */
  #namespace: string | undefined;
  #name: string | undefined;

  constructor(type: string, policy: ServerPolicy, mount: CommandMount) {
    this.#type = type;
    this.#policy = policy;
    this.#mount = mount;
  }

  /** Its name, `fuseward-squashfs@3-120-0.service`, and user id, once they are known. */
  get place(): {name: string; uid: number} | undefined {
    return this.#name === undefined || this.#uid === undefined
      ? undefined
      : {name: this.#name, uid: this.#uid};
  }

  /**
   * Puts everything in its place.
   * @returns what the adapter may ask for; they stay ours
   * @throws StrangeUnit, GrantError, MissingProgram, Errno (EBUSY: somebody else has the source) or Error
   */
  async furnish({pid, uid}: UnitProcess): Promise<ReadonlyMap<string, OwnedFd>> {
    if (pid === undefined || uid === undefined) {
      throw new StrangeUnit("the unit's process is root, or in a pid namespace of its own");
    }
    using process = openPidfd(pid);
    using namespace = openFd(`/proc/${pid}/ns/mnt`, O_RDONLY);
    using root = openFd(`/proc/${pid}/root`, O_PATH | O_DIRECTORY);
    checkProcess({pid, uid}, process, namespace);
    const group = unitGroupOf(pid);
    this.#uid = uid;
    this.#namespace = mountNamespaceOf(pid);
    this.#name = group?.unit;
    this.#prepare(uid);
    furnishNamespace(
      {namespace, root},
      {
        bindings: this.#bindings,
        files: configurationFiles({server: this.#policy, uid, home: homeOf(this.#policy)}),
        target: this.#mount.target,
        uid,
      },
    );
    const writes = mayWrite(this.#policy, this.#mount);
    const {fsize} = commandLimits({server: this.#policy, writes});
    if (typeof fsize === 'number') setRlimitOf(pid, 'FSIZE', fsize);
    await this.#openNetwork({pid, uid}, group?.events);
    return this.#given;
  }

  /** Everything that can be made ready outside of the unit. */
  #prepare(uid: number): void {
    const [server, mount] = [this.#policy, this.#mount];
    const secrets = Object.entries(server.secrets).map(([name, path], index) => {
      this.#given.set(`secret:${name}`, openSecret(path));
      return {name, fd: FIRST_SECRET + index};
    });
    const plan = planOf(this.#type, server, mount, {...commandFor(server, mount, uid), secrets});
    this.#given.set('plan', createMemfd('fuseward-plan', Buffer.from(encodeCommandPlan(plan)), {seal: true}));
    const lock = lockOn(mount);
    if (lock !== undefined) this.#given.set('lock', lock);
    this.#bindings = bindingsFor(this.#type, server, mount, {uid, withSource: true});
  }

  async #openNetwork(process: {pid: number; uid: number}, events: string | undefined): Promise<void> {
    const {network} = this.#policy;
    if (typeof network === 'string') return;
    if (events === undefined) {
      throw new NetworkError(
        'a list of places takes a control group of version 2, by which the end of a unit is known',
      );
    }
    // The process that is known now is not the one that stays.
    using end = watchFile(events);
    this.#relay = await grantNetwork(process, grantsOf(network), {policy: this.#policy, end});
  }

  /** The processes that answer for a mount, the oldest first; all of the unit where a relay has the connection. */
  serving(connection: number | undefined): number[] {
    const pids = this.#processes().sort((a, b) => a - b);
    return connection === undefined ? pids : serversAmong(pids, connection);
  }

  /** Whether nothing of it runs any more. */
  exited(): boolean {
    return this.#processes().length === 0;
  }

  /** The end of what the unit's processes wrote, which the journal has: untrusted text. */
  readLog(): string {
    const journalctl = findTool('journalctl');
    if (journalctl === undefined || this.#name === undefined) return '';
    const run = (...words: string[]): string => {
      return (
        childProcess().spawnSync(journalctl, words, {encoding: 'utf8', timeout: JOURNAL_MS, env: {}})
          .stdout ?? ''
      );
    };
    run('--sync');
    const own = [`_SYSTEMD_UNIT=${this.#name}`, `_UID=${this.#uid}`];
    return run('--quiet', '--no-pager', '--boot', '--output=cat', `--lines=${JOURNAL_LINES}`, ...own);
  }

  /** Its mount works. */
  settle(): void {
    for (const each of this.#bindings) each.settle();
  }

  /** Ends all its processes. */
  kill(): void {
    this.#relay?.kill();
    for (const pid of this.#processes()) {
      try {
        using held = openPidfd(pid);
        if (processState(pid).uids[0] === this.#uid && !waitReadable(held.fd, 0))
          process.kill(pid, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
  }

  close(): void {
    closeAll([...this.#given.values()]);
    this.#given.clear();
    for (const each of this.#bindings) each.close();
    this.#bindings = [];
    this.#relay?.close();
  }

  /** Units of somebody else's may share a user id with others, but not their namespace. */
  #processes(): number[] {
    if (this.#uid === undefined || this.#namespace === undefined) return [];
    const all = processUsers().get(this.#uid) ?? [];
    return all.filter((pid) => mountNamespaceOf(pid) === this.#namespace);
  }
}

/** Undefined when the process is gone. */
function mountNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** A process id may be another's by now, and what is no sandbox must not be furnished. */
function checkProcess({pid, uid}: {pid: number; uid: number}, process: OwnedFd, namespace: OwnedFd): void {
  if (!processState(pid).uids.every((each) => each === uid) || waitReadable(process.fd, 0)) {
    throw new Errno('ESRCH', 'hold', `process ${pid}`);
  }
  using ours = openFd('/proc/thread-self/ns/mnt', O_RDONLY);
  if (sameFile(namespace.fd, ours.fd)) {
    throw new StrangeUnit('the unit has no mount namespace of its own');
  }
}
