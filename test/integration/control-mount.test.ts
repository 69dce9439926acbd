import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {
  accessSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, test} from 'vitest';
import {ControlClient} from '../../src/control/client.js';
import type {CacheName, CacheNumbers, OperationNumbers} from '../../src/control/messages.js';
import {serverMessages} from '../../src/control/schemas.js';
import {CONTROL_DIRECTORY} from '../../src/launch/mount-record.js';
import {sweepRecords} from '../../src/launch/record-sweep.js';
import {listenStream} from '../../src/sys/socket.js';
import {cannotContain, fuseward, mountContained, unmountContained} from '../support/contained-mount.js';
import {run} from '../support/mounts.js';
import {cString, lgetxattr} from '../support/posix.js';

/** A running, contained, locked-down server, asked over its control socket while it is used. */
const reason = process.geteuid?.() !== 0 ? 'not root' : cannotContain();

const MIB = 2 ** 20;
const DIRECTORIES = 400;
let place: string;
let image: string;
let target: string;
let client: ControlClient;

function sockets(): string[] {
  return existsSync(CONTROL_DIRECTORY) ? readdirSync(CONTROL_DIRECTORY).sort() : [];
}

interface Status {
  mountId: number;
  connectionId: number;
  record: {controlSocket: string; serverPid: number};
}

function status(): Status {
  const {stdout} = fuseward('status', target, '--json');
  return JSON.parse(stdout) as Status;
}

beforeAll(() => {
  if (reason !== undefined) return;
  place = mkdtempSync(join(tmpdir(), 'fuseward-control-'));
  image = join(place, 'disk.img');
  target = join(place, 'mnt');
  mkdirSync(target);
  const tree = join(place, 'tree');
  mkdirSync(join(tree, 'dir'), {recursive: true});
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    writeFileSync(join(tree, 'dir', name), Buffer.alloc(4096, name));
  symlinkSync('a', join(tree, 'dir', 'link'));
  for (let n = 0; n < DIRECTORIES; n++) mkdirSync(join(tree, `d${n}`));
  run('mke2fs', ['-q', '-t', 'ext4', '-b', '4096', '-d', tree, image, '64M']);
});

afterAll(() => {
  if (reason === undefined) rmSync(place, {recursive: true});
});

beforeEach(async () => {
  if (reason !== undefined) return;
  mountContained(image, target);
  client = await ControlClient.connect(status().record.controlSocket, serverMessages);
});

afterEach(() => {
  if (reason !== undefined) return;
  client.close();
  if (readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${target} `)) unmountContained(target);
  assert.deepEqual(
    sockets().filter((name) => name === client.hello.type),
    [],
  );
});

type Operations = Readonly<Record<string, OperationNumbers>>;
type Caches = Readonly<Partial<Record<CacheName, CacheNumbers>>>;

const operations = async (): Promise<Operations> => (await client.request({do: 'stats'})).operations;
const caches = async (): Promise<Caches> => (await client.request({do: 'caches'})).caches;

/** Counts of one operation between two looks. */
function between(before: Operations, after: Operations, name: string): {count: number; errors: number} {
  const count = (after[name]?.count ?? 0) - (before[name]?.count ?? 0);
  return {count, errors: (after[name]?.errors ?? 0) - (before[name]?.errors ?? 0)};
}

/** What a cache's counters moved by between two looks; what did not move is left out. */
function moved(before: Caches, after: Caches, name: CacheName): Record<string, number> {
  const flat = (numbers: CacheNumbers | undefined): Record<string, number> => {
    const {hits = 0, misses = {}, evictions = {}} = numbers ?? {};
    return {hits, ...misses, ...evictions};
  };
  const old = flat(before[name]);
  const entries = Object.entries(flat(after[name])).map(([key, value]) => [key, value - (old[key] ?? 0)]);
  return Object.fromEntries(entries.filter(([, value]) => value !== 0)) as Record<string, number>;
}

const path = (...parts: string[]): string => join(target, ...parts);

/** Looks a name up, which the kernel asks the server about once, whether it exists or not. */
function lookUp(...parts: string[]): boolean {
  try {
    accessSync(path(...parts));
    return true;
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOENT');
    return false;
  }
}

describe.skipIf(reason !== undefined)(
  `a server's control socket${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    test('is for root alone, and named by the record', () => {
      const {record} = status();
      assert.equal(statSync(CONTROL_DIRECTORY).mode & 0o777, 0o700);
      const {mode, uid} = statSync(record.controlSocket);
      assert.deepEqual([mode & 0o777, uid], [0o600, 0]);
      const program = `require('net').connect(${JSON.stringify(record.controlSocket)}).on('error', (e) => console.log(e.code))`;
      const nobody = [
        '--reuid',
        '65534',
        '--regid',
        '65534',
        '--clear-groups',
        '--',
        process.execPath,
        '-e',
        program,
      ];
      assert.equal(spawnSync('setpriv', nobody, {encoding: 'utf8'}).stdout.trim(), 'EACCES');
    });

    test('says what it serves, and every thread of it is filtered', async () => {
      const {type, protocol, cacheBytes, startedAt} = client.hello;
      assert.deepEqual([type, protocol, cacheBytes], ['ext4', 1, 16 * MIB]);
      assert.ok(Math.abs(Date.now() - Date.parse(startedAt)) < 60_000);
      const {record} = status();
      for (const thread of readdirSync(`/proc/${record.serverPid}/task`)) {
        const text = readFileSync(`/proc/${record.serverPid}/task/${thread}/status`, 'latin1');
        assert.match(text, /^Seccomp:\s*2$/m);
      }
    });

    test('counts what a known sequence of calls makes the kernel ask', async () => {
      const before = await operations();
      assert.ok(lookUp('dir'));
      for (const name of ['a', 'b', 'c', 'a', 'a']) assert.ok(lookUp('dir', name));
      for (const name of ['none', 'nothing', 'none']) assert.ok(!lookUp('dir', name));
      for (let n = 0; n < 3; n++) statfsSync(target);
      for (let n = 0; n < 2; n++) assert.equal(readlinkSync(path('dir', 'link')), 'a');
      for (let n = 0; n < 2; n++)
        assert.throws(() => lgetxattr(cString(path('dir', 'a')), 'user.none'), {code: 'ENODATA'});
      const fd = openSync(path('dir', 'b'), 'r');
      const bytes = Buffer.alloc(4096);
      for (let n = 0; n < 2; n++) assert.equal(readSync(fd, bytes, 0, 4096, 0), 4096);
      closeSync(fd);
      assert.deepEqual(bytes, Buffer.alloc(4096, 'b'));

      const after = await operations();
      // dir, a, b, c, link, and two names that the kernel now knows to be absent.
      assert.deepEqual(between(before, after, 'LOOKUP'), {count: 7, errors: 0});
      assert.deepEqual(between(before, after, 'STATFS'), {count: 3, errors: 0});
      // The kernel keeps targets of links and pages of files.
      assert.deepEqual(between(before, after, 'READLINK'), {count: 1, errors: 0});
      assert.deepEqual(between(before, after, 'READ'), {count: 1, errors: 0});
      assert.deepEqual(between(before, after, 'GETXATTR'), {count: 2, errors: 2});
      assert.deepEqual(after['GETXATTR']?.errorsByErrno, {ENODATA: 2});
      // Header and 4096 bytes; header, length and the target.
      assert.equal(after['READ']?.bytesOut, 16 + 4096);
      assert.equal(after['READLINK']?.bytesOut, 16 + 1);
      for (const [name, {count, buckets, totalNs, maxNs}] of Object.entries(after)) {
        assert.equal(
          buckets.reduce((sum, each) => sum + each),
          count,
          name,
        );
        assert.ok(maxNs > 0 && maxNs <= totalNs && totalNs <= maxNs * count + 1, name);
      }
      assert.deepEqual(await client.request({do: 'ping'}), {
        queueDepth: 0,
        oldestMs: 0,
        held: 0,
        frozen: false,
        shutDown: false,
        transport: 'device',
      });
    });

    test('counts hits and misses by reason exactly as the driver must have them', async () => {
      lookUp('dir', 'warm');
      const start = await caches();
      // An absent name: the directory's inode, the map to its one block, that block. All three are in memory.
      lookUp('dir', 'absent');
      const absent = await caches();
      assert.deepEqual(moved(start, absent, 'inode'), {hits: 1});
      assert.deepEqual(moved(start, absent, 'mapping'), {hits: 1});
      assert.deepEqual(moved(start, absent, 'block'), {hits: 1});
      // Five that exist: each also an inode never seen before, all in one block of the inode table, which is looked up once.
      for (const name of ['a', 'b', 'c', 'd', 'e']) lookUp('dir', name);
      const existing = await caches();
      assert.deepEqual(moved(absent, existing, 'inode'), {hits: 5, cold: 5});
      assert.deepEqual(moved(absent, existing, 'block'), {hits: 6});
      assert.deepEqual(moved(absent, existing, 'mapping'), {hits: 5});
      assert.equal((existing.inode?.entries ?? 0) - (absent.inode?.entries ?? 0), 5);
    });

    test('drops its caches: the next look-up misses for that reason, and only once', async () => {
      lookUp('dir', 'first');
      const before = await caches();
      const {caches: dropped} = await client.request({do: 'drop'});
      for (const name of ['block', 'inode', 'mapping'] as const) {
        assert.deepEqual([dropped[name]?.entries, dropped[name]?.bytes], [0, 0], name);
        assert.deepEqual(moved(before, dropped, name), {dropped: before[name]?.entries}, name);
      }
      lookUp('dir', 'second');
      const missed = await caches();
      assert.deepEqual(moved(dropped, missed, 'inode'), {invalidated: 1});
      assert.deepEqual(moved(dropped, missed, 'mapping'), {invalidated: 1});
      const {hits = 0, invalidated = 0, ...others} = moved(dropped, missed, 'block');
      // The inode's block and the directory's; they may lie in one line.
      assert.deepEqual([hits + invalidated, others], [2, {}]);
      assert.ok(invalidated >= 1);
      lookUp('dir', 'third');
      const hit = await caches();
      for (const name of ['block', 'inode', 'mapping'] as const) {
        assert.deepEqual(moved(missed, hit, name), {hits: 1}, name);
      }
    });

    test('changes the limit while it runs: what is too much goes at once, and is missed as evicted', async () => {
      for (let n = 0; n < DIRECTORIES; n++) lookUp(`d${n}`, 'x');
      const full = (await caches()).block;
      assert.ok(full !== undefined && full.bytes > MIB, JSON.stringify(full));
      const {caches: small} = await client.request({do: 'limit', bytes: 65_536});
      assert.equal(small.block?.capacityBytes, 65_536);
      assert.equal(small.block?.bytes, 65_536);
      assert.equal(small.block?.evictions.capacity, full.entries - 2);
      for (let n = 0; n < DIRECTORIES; n++) lookUp(`d${n}`, 'y');
      const after = (await caches()).block;
      assert.ok((after?.misses.evicted ?? 0) > 0);
      assert.equal(after?.misses.cold, full.misses.cold);
      assert.ok((after?.bytes ?? 0) <= 65_536);

      const {caches: none} = await client.request({do: 'limit', bytes: 0});
      assert.deepEqual([none.block?.bytes, none.block?.entries], [0, 0]);
      lookUp('d1', 'z');
      assert.ok(((await caches()).block?.misses.bypassed ?? 0) > 0);
      await assert.rejects(client.request({do: 'limit', bytes: 2 ** 40}), {
        errno: 'EINVAL',
        code: 'limit-too-large',
      });
      assert.equal((await client.request({do: 'limit', bytes: MIB})).caches.block?.capacityBytes, MIB);
    });

    test('shuts down: everything on the mount is EIO from then on, and it can be unmounted', async () => {
      assert.deepEqual(readdirSync(path('dir')).length, 6);
      const {shutDown} = await client.request({do: 'shutdown'});
      assert.ok(shutDown);
      for (const act of [
        () => readdirSync(target),
        () => statSync(path('dir')),
        () => statSync(path('dir', 'a')),
        () => readFileSync(path('dir', 'c')),
        () => statfsSync(target),
      ]) {
        assert.throws(act, {code: 'EIO'});
      }
      assert.ok((await client.request({do: 'ping'})).shutDown);
      unmountContained(target);
    });

    test('freezes and thaws a read-only file system without anybody noticing', async () => {
      assert.ok((await client.request({do: 'freeze'})).frozen);
      assert.equal(readFileSync(path('dir', 'd'), 'latin1'), 'd'.repeat(4096));
      assert.ok(!(await client.request({do: 'thaw'})).frozen);
      await client.request({do: 'sync'});
    });

    test('drops a manager that sends garbage and goes on for the others and the mount', async () => {
      const socket = connect(status().record.controlSocket);
      socket.on('error', () => {});
      socket.resume();
      socket.write(Buffer.alloc(4096, 'x'));
      await new Promise((resolve) => socket.once('close', resolve));
      assert.equal((await client.request({do: 'ping'})).queueDepth, 0);
      assert.ok(lookUp('dir', 'e'));
    });

    test('takes a manager that comes again, after any number of others', async () => {
      const {controlSocket} = status().record;
      for (let n = 0; n < 20; n++) {
        const next = await ControlClient.connect(controlSocket, serverMessages);
        assert.deepEqual(next.hello, client.hello);
        next.close();
      }
      assert.equal((await client.request({do: 'ping'})).held, 0);
    });

    test('tells its managers when the mount ends, and leaves no socket', async () => {
      const {controlSocket} = status().record;
      const closed = new Promise<string>((resolve) => client.once('closed', ({kind}) => resolve(kind)));
      unmountContained(target);
      assert.equal(await closed, 'gone');
      assert.ok(!existsSync(controlSocket));
    });

    test('a server that was killed leaves a socket, which the next command sweeps', () => {
      const {record} = status();
      process.kill(record.serverPid, 'SIGKILL');
      unmountContained(target);
      assert.ok(!existsSync(record.controlSocket));
    });
  },
);

describe.skipIf(reason !== undefined)(
  `sockets in the file system${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    test('a mount that fails leaves none', () => {
      const zeros = join(place, 'zeros.img');
      writeFileSync(zeros, Buffer.alloc(MIB));
      const other = join(place, 'other');
      mkdirSync(other);
      const before = sockets();
      assert.equal(fuseward('mount', '-t', 'ext4', zeros, other).status, 1);
      assert.deepEqual(sockets(), before);
    });

    test('one without server and record is swept, unless it may be in the making or is in use', async () => {
      const names = ['00000000000000a1', '00000000000000a2', '00000000000000a3'];
      const [stale, used, young] = names.map((name) => join(CONTROL_DIRECTORY, `${name}.sock`)) as [
        string,
        string,
        string,
      ];
      try {
        listenStream(stale, 0o600).close();
        using _listening = listenStream(used, 0o600);
        await new Promise((resolve) => setTimeout(resolve, 2_100));
        listenStream(young, 0o600).close();
        sweepRecords();
        assert.deepEqual([existsSync(stale), existsSync(used), existsSync(young)], [false, true, true]);
        // The one in use by the mount of this test, too.
        assert.ok(existsSync(status().record.controlSocket));
      } finally {
        for (const each of [stale, used, young]) rmSync(each, {force: true});
      }
    });
  },
);
