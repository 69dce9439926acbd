import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {HeldServer} from '../../src/launch/held-server.js';
import {startReadyServer} from '../../src/launch/ready-server.js';
import type {MountView, PoolView} from '../../src/manager/model.js';
import {loadPolicy} from '../../src/policy/index.js';
import {waitReadable} from '../../src/sys/poll.js';
import {processState} from '../../src/sys/process.js';
import {type Daemon, missingForManager, Room, SOON_MS} from './manager-support.js';

const missing = missingForManager();
/** A server and its command start one after the other, and the machine has others to do as well. */
const START_MS = 30_000;

const RULE = `[[allow]]
users = ["root"]
sources = ["**"]
source_owner = "anyone"
targets = ["**"]
target_owner = "anyone"
`;

const runs = (pid: number): boolean => {
  try {
    return !['Z', 'X'].includes(processState(pid).state);
  } catch {
    return false;
  }
};

test.skipIf(missing)(
  'a server that waits is taken once, for its type and its settings alone, and while it runs',
  async () => {
    const policy = loadPolicy('ext4', undefined).server;
    const start = (): Promise<HeldServer> => startReadyServer('ext4', policy);
    const [one, two] = [await start(), await start()];
    expect(one.take('ext3', policy)).toBeUndefined();
    expect(one.take('ext4', {...policy, tasks: policy.tasks + 1})).toBeUndefined();
    expect(one.take('ext4', {...policy, jitless: true})).toBeUndefined();
    expect(one.taken).toBe(false);
    const server = one.take('ext4', {...policy, pool: 9});
    expect(server?.pid).toBe(one.pid);
    expect(one.take('ext4', policy)).toBeUndefined();
    // It ends when its conversation does.
    server!.socket.close();
    expect(await eventually(server!.exited, SOON_MS)).toBe(true);
    const {pid} = two;
    process.kill(pid!, 'SIGKILL');
    expect(await eventually(() => waitReadable(two.fd, 0), SOON_MS)).toBe(true);
    expect(two.take('ext4', policy)).toBeUndefined();
  },
);

describe.skipIf(missing)(`servers that wait${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let room: Room;
  let policies: string;
  let daemon: Daemon;

  beforeAll(async () => {
    room = await Room.create();
    policies = join(room.dir, 'policy.d');
    mkdirSync(policies, {mode: 0o755});
    write('pool = 1');
    daemon = await room.daemon('--policy', policies);
  });
  afterAll(() => room.close());

  function write(settings: string): void {
    rmSync(join(policies, 'ext4.toml'), {force: true});
    writeFileSync(join(policies, 'ext4.toml'), `[server]\n${settings}\n\n${RULE}`, {mode: 0o644});
  }

  async function pool(): Promise<PoolView> {
    const {body} = await room.ask<{types: PoolView[]}>('GET', '/v1/pool');
    return body.types.find(({type}) => type === 'ext4')!;
  }

  /** The process of the one server that waits, when there is one besides these. */
  async function waiting(...not: number[]): Promise<number> {
    let servers: readonly number[] = [];
    const end = performance.now() + START_MS;
    while (performance.now() < end) {
      ({servers} = await pool());
      if (servers.length === 1 && !not.includes(servers[0]!)) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(servers).toHaveLength(1);
    return servers[0]!;
  }

  async function mount(name: string): Promise<MountView> {
    const {image, target} = room.image(name);
    const order = {source: image, target, type: 'ext4', options: ['ro']};
    const {status, body} = await room.ask<MountView>('POST', '/v1/mounts', order);
    expect(status, JSON.stringify(body)).toBe(201);
    return body;
  }

  const serverOf = ({serverPid}: MountView): number | null => serverPid;

  test('a mount gets the one that waits; the next gets another, and each has a user id of its own', async () => {
    const first = await waiting();
    const one = await mount('one');
    expect(serverOf(one)).toBe(first);
    const second = await waiting(first);
    expect(second).not.toBe(first);
    expect(processState(second).uids[0]).not.toBe(processState(first).uids[0]);
    expect(await pool()).toMatchObject({wanted: 1, ready: 1, used: 1, failed: 0});
    // It is held as every server is before it sees its image.
    expect(processState(first)).toMatchObject({seccomp: 2, noNewPrivs: true});
  });

  test('one that is killed is replaced, and a mount that comes meanwhile works', async () => {
    const killed = await waiting();
    process.kill(killed, 'SIGKILL');
    const two = await mount('two');
    expect(serverOf(two)).not.toBe(killed);
    expect(await waiting(killed)).not.toBe(serverOf(two));
  });

  test('a mount that is asked for while one ends, before anybody has noticed, works', async () => {
    const dying = await waiting();
    const sandbox = processState(dying).parentPid;
    const command = processState(sandbox).parentPid;
    process.kill(command, 'SIGSTOP');
    process.kill(dying, 'SIGKILL');
    const made = mount('meanwhile');
    while ((await pool()).servers.includes(dying)) await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill(command, 'SIGCONT');
    const view = await made;
    expect(serverOf(view)).not.toBe(dying);
    expect(room.run('ls', view.target)).toContain('index.ts');
  });

  test('one that dies when it was given its mount costs the mount another one, and nothing else', async () => {
    const dying = await waiting();
    // It can't answer, and so has not done anything yet when it is killed.
    process.kill(dying, 'SIGSTOP');
    const made = mount('handed-over');
    // Its number leaves the list when it has been given away.
    while ((await pool()).servers.includes(dying)) await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill(dying, 'SIGKILL');
    const view = await made;
    expect(serverOf(view)).not.toBe(dying);
    expect(runs(serverOf(view)!)).toBe(true);
    expect(room.run('ls', view.target)).toContain('index.ts');
    expect(runs(dying)).toBe(false);
  });

  test('metrics tell of the pool', async () => {
    await waiting();
    const text = room.run('curl', '-sS', '--unix-socket', '/run/fuseward/admin.sock', 'http://f/metrics');
    expect(text).toMatch(/^fuseward_pool_servers\{type="ext4",state="waiting"\} 1$/m);
    expect(text).toMatch(/^fuseward_pool_wanted\{type="ext4"\} 1$/m);
    expect(text).toMatch(/^fuseward_pool_used_total\{type="ext4"\} [1-9]/m);
  });

  test('a reload replaces those of other settings; none is used for a mount that is held otherwise', async () => {
    const before = await waiting();
    write('pool = 1\ntasks = 40');
    expect((await room.ask('POST', '/v1/policy/reload')).status).toBe(200);
    expect(await eventually(() => !runs(before), SOON_MS)).toBe(true);
    const after = await waiting(before);
    const three = await mount('three');
    expect(serverOf(three)).toBe(after);
  });

  test('none outlives a manager that is killed', async () => {
    const last = await waiting();
    await daemon.end('SIGKILL');
    expect(await eventually(() => !runs(last), SOON_MS)).toBe(true);
  });
});
