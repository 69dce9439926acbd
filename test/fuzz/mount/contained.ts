import {mkdirSync, readFileSync, rmdirSync} from 'node:fs';
import {MountError, type MountResult, mount, unmount} from '../../../src/helper/index.js';
import {type Connection, connectServer} from '../../../src/launch/index.js';
import {decide, loadPolicy} from '../../../src/policy/index.js';
import {heldElsewhere} from './elsewhere.js';

/** Codes with which a server may turn an image down. Anything else at mount time is a finding. */
const REFUSALS: readonly string[] = ['EUCLEAN', 'EBADMSG', 'EINVAL', 'EOPNOTSUPP', 'EBUSY'];

/** Where no administrator's file changes the policy under test. */
const NO_POLICY_DIRECTORY = '/nonexistent/fuseward';

/** What a server said when it turned an image down. */
export interface Refused {
  readonly code: string;
  readonly message: string;
  /** Undefined where this is how a damaged image may be turned down. */
  readonly finding: string | undefined;
}

/** The policy all mounts here are made with: what ships. */
export function fuzzPolicy(): ReturnType<typeof loadPolicy> {
  return loadPolicy('ext4', NO_POLICY_DIRECTORY);
}

/** One image in a contained server, made by the library's helper in this process. */
export class ContainedMount {
  readonly result: MountResult;
  readonly target: string;
  readonly #server: Connection['server'];

  private constructor(result: MountResult, server: Connection['server']) {
    this.result = result;
    this.target = result.target;
    this.#server = server;
  }

  /** Mounts; `target` is made. What a damaged image may cause comes back as Refused, other errors are thrown. */
  static async make(image: string, target: string): Promise<ContainedMount | Refused> {
    const policy = fuzzPolicy();
    let server: Connection['server'];
    mkdirSync(target);
    try {
      const result = await mount(
        {source: image, target, type: 'ext4', options: [], callerUid: 0, callerGid: 0, callerGroups: [0]},
        {
          policy: {...policy, fuseblk: false},
          decide: (facts) => decide(policy, facts),
          connect: (type, needs) => {
            const connection = connectServer(type, policy.server, needs, {
              directory: '/nonexistent/filesystems',
            });
            server = connection?.server;
            return connection;
          },
        },
      );
      return new ContainedMount(result, server);
    } catch (error) {
      rmdirSync(target);
      server?.close();
      if (!(error instanceof MountError)) throw error;
      return refusedBy(error);
    }
  }

  get serverPid(): number {
    return this.result.serverPid ?? 0;
  }

  get serverRuns(): boolean {
    return this.#server?.exited() === false;
  }

  /** The most memory that the server had resident so far, bytes (VmHWM). */
  get serverMemory(): number {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(textOf(`/proc/${this.serverPid}/status`))?.[1] ?? 0) * 1024;
  }

  /** Scheduler state of the server and the CPU seconds it has used: whether it waits, works or is kept from working. */
  get serverActivity(): {state: string; seconds: number} {
    const stat = textOf(`/proc/${this.serverPid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {state: fields[0] ?? '', seconds: (Number(fields[11]) + Number(fields[12])) / 100};
  }

  /** Lines of the server's log that tell of something that should not have happened. */
  get complaints(): string[] {
    return (this.#server?.readLog() ?? '').split('\n').filter((line) => /"level":50|unexpected/.test(line));
  }

  /** Ends the connection, so that whatever waits for the server fails. */
  abort(): void {
    this.#server?.kill();
  }

  /** Unmounts. @returns what was left behind, in words */
  async end(): Promise<string[]> {
    const left: string[] = [];
    try {
      const {loopReleased, serverGone} = await unmount(this.target, {serverPid: this.serverPid});
      if ((!loopReleased || !serverGone) && heldElsewhere(this.target) === undefined) {
        if (!loopReleased) left.push('the loop device is still there');
        if (!serverGone) left.push('the server is still there');
      }
    } catch (error) {
      left.push(`unmount: ${error instanceof Error ? error.message : error}`);
      await unmount(this.target, {force: true, lazy: true, serverPid: this.serverPid}).catch(() => undefined);
      this.abort();
    }
    rmdirSync(this.target);
    this.#server?.close();
    return left;
  }
}

function refusedBy(error: MountError): Refused {
  const server = error.details['server'] as {code?: string; errno?: string} | undefined;
  const code = server?.code ?? error.code;
  const fair =
    error.code === 'server-refused' &&
    REFUSALS.includes(server?.errno ?? '') &&
    // What is not an error of the driver's own comes under these names.
    !/^(failed|err_.*)$/.test(code);
  const details = JSON.stringify(error.details).slice(0, 1500);
  return {code, message: error.message, finding: fair ? undefined : `${error.message} ${details}`};
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
