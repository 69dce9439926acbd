import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface, type Interface} from 'node:readline';
import type {Readable, Writable} from 'node:stream';
import type {EmbeddedServer} from '../../../src/launch/embedded-server.js';
import {grantNetwork} from '../../../src/launch/network.js';
import {networkFiles} from '../../../src/launch/network-names.js';
import {unusedUserId} from '../../../src/launch/user-id.js';
import {loadPolicy} from '../../../src/policy/index.js';
import {parseNetworkGrant} from '../../../src/policy/network-grant.js';
import {CHECKOUT} from '../checkout.js';

const PROGRAM = join(CHECKOUT, 'test/support/network/program.py');
const POLICY = loadPolicy('ext4', '/nonexistent').server;
const SYSTEM = ['/bin', '/sbin', '/lib', '/lib32', '/lib64'];

/** Why no sandbox with a program in it can be had; undefined when it can. Belongs into the title of what is skipped. */
export function cannotGrant(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/usr/bin/bwrap')) return 'no bubblewrap';
  return existsSync('/usr/bin/python3') ? undefined : 'no python3';
}

/** A Python program in a network namespace of its own that does what it is told. */
export class NetworkSandbox {
  readonly uid: number;
  readonly pid: number;
  readonly relay: EmbeddedServer;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  readonly #directory: string;

  private constructor(
    child: ChildProcess,
    names: {uid: number; pid: number; relay: EmbeddedServer; directory: string},
  ) {
    this.#child = child;
    this.uid = names.uid;
    this.pid = names.pid;
    this.relay = names.relay;
    this.#directory = names.directory;
    this.#reader = createInterface({input: child.stdout!});
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  static async start(grants: readonly string[]): Promise<NetworkSandbox> {
    const parsed = grants.map((text) => parseNetworkGrant(text)!);
    const directory = mkdtempSync(join(tmpdir(), 'fuseward-network-'));
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, 'etc'), {mode: 0o755});
    for (const [name, content] of Object.entries(networkFiles(parsed)))
      writeFileSync(join(directory, 'etc', name), content, {mode: 0o644});
    // The checkout may lie where only root gets to.
    const program = join(directory, 'program.py');
    copyFileSync(PROGRAM, program);
    const uid = unusedUserId(POLICY);
    const child = spawn(
      '/usr/bin/bwrap',
      [
        ...['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--cap-drop', 'ALL'],
        ...['--ro-bind', '/usr', '/usr', '--proc', '/proc', '--dev', '/dev'],
        ...SYSTEM.flatMap((path) => ['--ro-bind-try', path, path]),
        ...['--ro-bind', join(directory, 'etc'), '/etc', '--ro-bind', program, '/program.py'],
        ...['--info-fd', '3', '--block-fd', '4', '--', '/usr/bin/python3', '/program.py'],
      ],
      {uid, gid: uid, cwd: '/', env: {}, stdio: ['pipe', 'pipe', 'inherit', 'pipe', 'pipe']},
    );
    // One that is killed before it has read everything resets its pipes, which are sockets: its end is known from `exit`.
    for (const pipe of child.stdio) pipe?.on('error', () => {});
    let info = '';
    for await (const chunk of child.stdio[3] as Readable) info += chunk;
    const pid = Number(/"child-pid":\s*(\d+)/.exec(info)?.[1]);
    try {
      const relay = await grantNetwork({pid, uid}, parsed, {policy: POLICY});
      (child.stdio[4] as Writable).end('x');
      return new NetworkSandbox(child, {uid, pid, relay, directory});
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(directory, {recursive: true});
      throw error;
    }
  }

  /** Has the program do something (program.py), and tells what it says. */
  async does(...order: readonly unknown[]): Promise<unknown> {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    const {value, done} = await this.#lines.next();
    if (done === true) throw new Error('the program has ended');
    return JSON.parse(value as string);
  }

  /** Ends the program, its sandbox and so its relay. */
  async end(): Promise<void> {
    this.#reader.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      process.kill(this.pid, 'SIGKILL');
      await ended;
    }
    rmSync(this.#directory, {recursive: true, force: true});
  }
}

/** A TCP server of the test's own that tells whom it met. */
export interface Peer {
  readonly port: number;
  /** Connections so far. */
  readonly met: number;
  /** Those that are open. */
  readonly open: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** Listens on an address of this machine. @param behave what it does with each connection; it echoes unless told */
export async function peer(
  host: string,
  opts: {port?: number; behave?: (socket: Socket) => void} = {},
): Promise<Peer> {
  const open = new Set<Socket>();
  let met = 0;
  const server: Server = createServer({allowHalfOpen: true}, (socket) => {
    met++;
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
    (opts.behave ?? ((each) => each.pipe(each)))(socket);
  });
  server.listen({host, port: opts.port ?? 0, backlog: 1024});
  await once(server, 'listening');
  const {port} = server.address() as {port: number};
  return {
    port,
    open,
    get met() {
      return met;
    },
    async close() {
      for (const socket of open) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
