import {execFileSync, spawn} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, readlinkSync, statfsSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {NO_RINGS, possibleCpus, switchUring} from '../support/enable-uring.js';
import {missingForManager, Room, runs} from './manager-support.js';

const missing = missingForManager() ?? NO_RINGS;
const RING = 'anon_inode:[io_uring]';
const RULE = `[[allow]]
users = ["root"]
sources = ["**"]
source_owner = "anyone"
targets = ["**"]
target_owner = "anyone"
access = "read-write"
`;
let room: Room;
let switchBack: () => void;

interface Status {
  readonly state: {readonly transport?: string};
  readonly counters: {readonly requests: Record<string, {readonly count: number}>};
}

/** A directory of policy files by which mounts of ext4 take this transport. */
function policy(transport: 'device' | 'io_uring'): string {
  const directory = join(room.dir, `policy-${transport}`);
  mkdirSync(directory, {recursive: true, mode: 0o755});
  writeFileSync(join(directory, 'ext4.toml'), `transport = "${transport}"\n${RULE}`, {mode: 0o644});
  return directory;
}

interface Made {
  readonly image: string;
  readonly target: string;
  readonly serverPid: number;
  readonly connectionId: number;
}

function mount(name: string, transport: 'device' | 'io_uring' = 'io_uring'): Made {
  const place = room.image(name);
  const args = ['mount', '--json', '--policy', policy(transport), '-t', 'ext4', place.image, place.target];
  const {code, stdout, stderr} = room.fuseward(...args);
  if (code !== 0) throw new Error(`mount: ${code} ${stdout} ${stderr}`);
  return {...JSON.parse(stdout), ...place};
}

const descriptorsOf = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
const status = (target: string): Status => JSON.parse(room.fuseward('status', '--json', target).stdout);
/** Calls of read(2) and the like that a process has made, by the kernel's count. */
const readsOf = (pid: number): number =>
  Number(/^syscr: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]);
/** What a question that always reaches the server ends in; undefined when it is answered. */
function refusal(target: string): string | undefined {
  try {
    statfsSync(room.path(target));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
/** What the server said in its log. */
function logOf(pid: number): string {
  const fd = readdirSync(`/proc/${pid}/fd`).find((each) =>
    readlinkSync(`/proc/${pid}/fd/${each}`).includes('fuseward-log'),
  );
  return readFileSync(`/proc/${pid}/fd/${fd}`, 'utf8');
}

describe.skipIf(missing)(`requests by io_uring${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(async () => {
    room = await Room.create();
    switchBack = switchUring(true);
  });
  afterEach(async () => {
    switchBack();
    await room.close();
  });

  test('a mount shows what the kernel shows, and its requests are not read from the device', () => {
    const {image, target, serverPid} = mount('disk');
    const other = join(room.dir, 'kernel');
    mkdirSync(other);
    room.run('mount', '-o', 'ro,loop', image, other);
    const before = readsOf(serverPid);
    const {requests} = status(target).counters;
    const asked = (counts: typeof requests): number =>
      Object.values(counts).reduce((sum, {count}) => sum + count, 0);
    try {
      room.run('diff', '-r', other, target);
      const listing = (root: string): string[] =>
        room.run('find', root, '-printf', '%P %y %m %s %U:%G %T@ %n\\n').split('\n').sort();
      expect(listing(target)).toEqual(listing(other));
      // Always asked for anew.
      for (let time = 0; time < 400; time++) statfsSync(room.path(target));
    } finally {
      room.run('umount', other);
    }
    const after = status(target);
    expect(after.state.transport).toBe('io_uring');
    const served = asked(after.counters.requests) - asked(requests);
    expect(served).toBeGreaterThan(400);
    // Of the image, and of what comes by the device all the same.
    expect(readsOf(serverPid) - before).toBeLessThan(served / 2);

    expect(descriptorsOf(serverPid).filter((each) => each === RING)).toHaveLength(1);
    const {stdout} = room.fuseward('status', target);
    expect(stdout).toMatch(/verified descriptors/);
    expect(stdout).toMatch(/^at the server: 0 requests, by io_uring$/m);
    expect(room.fuseward('umount', target)).toMatchObject({code: 0, stderr: ''});
    expect(runs(serverPid)).toBe(false);
    expect(room.leftovers()).toMatchObject({mounts: [], loops: []});
  });

  test('callers on every processor are served, many at a time', async () => {
    const {target} = mount('busy');
    const script = `for i in $(seq 8); do find ${target} -type f -exec cat {} + | sha256sum; done | sort -u`;
    const clients = Array.from({length: 4 * possibleCpus()}, (_, index) => {
      const client = spawn('nsenter', [
        ...room.namespace.slice(1, -1),
        '--',
        'taskset',
        '-c',
        `${index % possibleCpus()}`,
        'sh',
        '-c',
        script,
      ]);
      let output = '';
      client.stdout.on('data', (piece) => (output += piece));
      return new Promise<string>((resolve) => client.once('close', () => resolve(output)));
    });
    const sums = new Set(await Promise.all(clients));
    expect(sums.size).toBe(1);
    expect([...sums][0]).toMatch(/^[0-9a-f]{64} {2}-\n$/);
  });

  test('a sleeping server carries out orders, freezes and is shut down', async () => {
    await room.daemon();
    const {target, serverPid, connectionId} = mount('orders');
    const view = await room.seen(target, ({health}) => health === 'ok');
    expect(view).toMatchObject({transport: 'io_uring', health: 'ok'});
    for (const order of ['drop', 'freeze', 'thaw', 'sync'] as const) {
      const path = order === 'drop' ? 'cache/drop' : order;
      expect((await room.ask('POST', `/v1/mounts/${connectionId}/${path}`)).status, order).toBeLessThan(300);
    }
    expect(room.fuseward('shutdown', target).code).toBe(0);
    expect(() => room.run('ls', join(target, 'nothing'))).toThrow(/Input\/output error/);
    expect(runs(serverPid)).toBe(true);
  });

  test('an aborted connection ends its server, and a killed server its mount', async () => {
    const first = mount('aborted');
    execFileSync('sh', ['-c', `echo 1 > /sys/fs/fuse/connections/${first.connectionId}/abort`]);
    await expect.poll(() => runs(first.serverPid), {timeout: 15_000}).toBe(false);
    const second = mount('killed');
    process.kill(second.serverPid, 'SIGKILL');
    await expect.poll(() => runs(second.serverPid), {timeout: 15_000}).toBe(false);
    await expect
      .poll(() => refusal(second.target) ?? '', {timeout: 15_000})
      .toMatch(/^(ENOTCONN|ECONNABORTED)$/);
    for (const {target} of [first, second]) room.run('umount', target);
    expect(room.leftovers()).toMatchObject({mounts: []});
  });

  for (const [title, managed] of [
    ['a forced unmount', false],
    ['a forced removal by the manager', true],
  ] as const) {
    test(`${title} frees those who wait for a server that hangs`, async () => {
      if (managed) await room.daemon();
      const {target, serverPid, connectionId} = mount('hanging');
      if (managed) await room.seen(target, ({health}) => health === 'ok');
      process.kill(serverPid, 'SIGSTOP');
      const waiting = room.start('stat', '-f', target);
      const freed = new Promise((resolve) => waiting.once('exit', resolve));
      await expect
        .poll(() => readFileSync(`/sys/fs/fuse/connections/${connectionId}/waiting`, 'latin1'))
        .not.toBe('0\n');
      if (managed) await room.ask('DELETE', `/v1/mounts/${connectionId}?force=true`);
      else room.fuseward('umount', '--force', target);
      expect(await freed).toBe(1);
      expect(runs(serverPid)).toBe(false);
    });
  }

  test('where the kernel does not offer it the device serves, as where policy wants the device', () => {
    const asked = mount('asked', 'device');
    switchUring(false);
    const refused = mount('refused');
    for (const {target, serverPid} of [asked, refused]) {
      expect(room.run('ls', target)).toContain('lost+found');
      expect(status(target).state.transport).toBe('device');
      expect(descriptorsOf(serverPid)).not.toContain(RING);
      expect(logOf(serverPid)).toBe('');
    }
  });
});
