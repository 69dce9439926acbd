import assert from 'node:assert/strict';
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync} from 'node:fs';
import {afterAll, afterEach, beforeAll, beforeEach, describe, test} from 'vitest';
import {ControlClient} from '../../src/control/client.js';
import type {StatsAnswer} from '../../src/control/messages.js';
import {serverMessages} from '../../src/control/schemas.js';
import {eventually} from '../../src/helper/cleanup.js';
import {mount} from '../../src/helper/mount.js';
import type {MountResult} from '../../src/helper/mount-request.js';
import {CONTROL_DIRECTORY} from '../../src/launch/mount-record.js';
import {bundle} from '../support/bundle.mjs';
import {cannotContain} from '../support/contained-mount.js';
import {type FuseLies, initBody, type Lie, UNIQUE} from '../support/hostile-server/fuse-lies.js';
import {attributes, dirent, entry} from '../unit/observe/answers.rows.js';
import {body, changed, written} from '../unit/observe/support.js';
import {request} from './helper-support.js';
import {GREETING, HostileBench, last} from './hostile-support.js';
import {runs} from './manager-support.js';
import {observing} from './observe-support.js';
import {bye} from './protocol-bytes.js';

const missing = process.geteuid?.() !== 0 ? 'not root' : cannotContain();

const [GETATTR, READLINK, OPEN, READ, OPENDIR, READDIR] = [3, 5, 14, 15, 27, 28];
const FILE = 0o100644;
const DIRECTORY = 0o040755;
const SYMLINK = 0o120777;
const GONE_MS = 5_000;

/** An entry that stays true for a minute, so that nobody asks again. */
const lasting = (mode: number, nodeid: number): Buffer =>
  changed(entry(mode, nodeid), [16, 60, 64], [24, 60, 64]);
const says = (bytes: Buffer): Lie => ({body: bytes.toString('hex')});
const OPENED = says(body(16));
/** Packets of an answer to the request, as they are. */
const packet = (bytes: Buffer, times = 1): {bytes: string; times: number} => ({
  bytes: bytes.toString('hex').replace('1122334455667788', UNIQUE),
  times,
});
const ID = 0x8877665544332211n;
const answer = (content: Buffer, more: {error?: number; length?: number} = {}): Buffer =>
  written(content, {unique: ID, ...more});

async function wordsOf(child: ChildProcess): Promise<string> {
  let words = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  await once(child, 'close');
  return words;
}

describe.skipIf(missing !== undefined)(
  `a hostile server behind a relay${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let program: string;
    let bench: HostileBench;
    let mounted: MountResult | undefined;

    beforeAll(async () => {
      program = await bundle('test/support/hostile-server/main.ts');
    });
    afterAll(() => rmSync(program));
    beforeEach(() => {
      bench = new HostileBench(program);
      mounted = undefined;
    });
    afterEach(async () => {
      const relay = mounted?.observer?.pid;
      spawnSync('umount', [bench.place.target]);
      if (relay !== undefined) {
        assert.ok(await eventually(() => !runs(relay), GONE_MS), 'the relay is still there');
      }
      if (mounted?.controlSocket !== undefined) rmSync(mounted.controlSocket, {force: true});
      await bench.remove();
    });

    async function serving(lies: FuseLies): Promise<string> {
      const acts = [...GREETING, ...bench.mounting(), last(bye(0)), {serve: lies}];
      const deps = {...bench.deps(acts), ...observing, controlDirectory: CONTROL_DIRECTORY};
      mounted = await mount(request(bench.place), deps);
      return bench.place.target;
    }

    async function stats(): Promise<StatsAnswer> {
      const client = await ControlClient.connect(mounted!.controlSocket!, serverMessages);
      try {
        return await client.request({do: 'stats'});
      } finally {
        client.close();
      }
    }

    /** Has another process look at something that is never told, and waits until the relay has the question. */
    async function waitingFor(path: string): Promise<{complaint: Promise<string>}> {
      const child = spawn('stat', [path], {stdio: ['ignore', 'ignore', 'pipe'], env: {LC_ALL: 'C'}});
      const complaint = wordsOf(child);
      const end = performance.now() + GONE_MS;
      while ((await stats()).queueDepth === 0 && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return {complaint};
    }

    const fails = (act: () => unknown, code = 'EIO'): void => assert.throws(act, {code});

    test('finds its lies answered with EIO, and counted', async () => {
      const nodes: NonNullable<FuseLies['nodes']> = {
        // A listing with a name that leads elsewhere.
        20: {
          [OPENDIR]: OPENED,
          [READDIR]: says(Buffer.concat([dirent('good'), dirent('../../etc/passwd')])),
        },
        // More than was asked for, and passthrough.
        21: {[OPEN]: OPENED, [READ]: says(Buffer.alloc(8_192, 'x'))},
        22: {[OPEN]: says(body(16, [8, 0x80]))},
        23: {[READLINK]: says(Buffer.from('/etc\0/passwd'))},
        // Another kind of file than the name led to.
        24: {[GETATTR]: says(attributes(DIRECTORY))},
        25: {[OPEN]: {errno: 512}},
      };
      const names: Record<string, Lie> = {
        listing: says(lasting(DIRECTORY, 20)),
        long: says(lasting(FILE, 21)),
        through: says(lasting(FILE, 22)),
        link: says(lasting(SYMLINK, 23)),
        changing: says(entry(FILE, 24)),
        'bad-errno': says(lasting(FILE, 25)),
        root: says(entry(DIRECTORY, 1)),
        negative: says(changed(entry(FILE, 30), [48, 2n ** 63n, 64])),
        nothing: says(changed(entry(FILE, 31), [100, 0o644])),
        short: says(entry(FILE, 32).subarray(0, 100)),
        error: {packets: [packet(answer(Buffer.alloc(8), {error: -2}))]},
        length: {packets: [packet(answer(entry(FILE, 33), {length: 999}))]},
      };
      const target = await serving({nodes, names});
      const at = (name: string): string => `${target}/${name}`;
      for (const name of ['root', 'negative', 'nothing', 'short', 'error', 'length']) {
        fails(() => lstatSync(at(name)));
      }
      fails(() => readdirSync(at('listing')));
      fails(() => readFileSync(at('long')));
      fails(() => readFileSync(at('through')));
      fails(() => readFileSync(at('bad-errno')));
      fails(() => readlinkSync(at('link')));
      fails(() => lstatSync(at('changing')));
      const {refused, operations} = await stats();
      assert.deepEqual(refused, {
        length: 1,
        errno: 1,
        'error-with-body': 1,
        size: 1,
        // The kernel reads a file more than once.
        'too-much': refused?.['too-much'],
        'node-root': 1,
        mode: 1,
        'node-type': refused?.['node-type'],
        'file-size': 1,
        'open-flags': 1,
        'link-target': 1,
        'entry-name': 1,
      });
      assert.ok((refused?.['too-much'] ?? 0) > 0 && (refused?.['node-type'] ?? 0) > 0);
      assert.equal(operations['LOOKUP']?.errorsByErrno['EIO'], 6);
      const log = readFileSync(`/proc/${mounted!.observer!.pid}/fd/2`, 'utf8');
      assert.match(log, /"fault":"entry-name".*"request":"READDIR","count":1/);
      assert.ok(!log.includes('passwd'), 'the log has the words of the server');
    });

    test('takes no features that it was not offered', async () => {
      const all = Buffer.from(initBody(7, 40, 1 << 30), 'hex');
      all.writeUInt32LE(0xffffffff, 12);
      all.writeUInt32LE(0xffffffff, 32);
      all.writeUInt16LE(0xffff, 28);
      const target = await serving({init: says(all)});
      assert.ok(statSync(target).isDirectory());
      assert.equal((await stats()).refused?.['init-flags'], 1);
    });

    test.each([
      ['another protocol', initBody(8)],
      ['the layouts of an old one', initBody(7, 8)],
    ])('is not mounted with %s', async (_, init) => {
      await assert.rejects(serving({init: {body: init}}), {code: /server-refused|server-died/});
    });

    test('floods the relay with garbage, and others are answered', async () => {
      const garbage = Buffer.alloc(3000, 0xa5);
      const notification = written(body(24, [0, 77, 64]), {unique: 0n, error: 2});
      const honest = packet(answer(lasting(FILE, 40)));
      const names: Record<string, Lie> = {
        flood: {
          packets: [
            packet(garbage, 3_000),
            packet(notification, 3_000),
            packet(Buffer.alloc(3), 100),
            honest,
          ],
        },
        again: {packets: [honest, packet(answer(entry(DIRECTORY, 41)), 50)]},
        empty: {packets: [packet(Buffer.alloc(0), 10), honest]},
      };
      const target = await serving({names});
      assert.ok(lstatSync(`${target}/flood`).isFile());
      assert.ok(lstatSync(`${target}/again`).isFile());
      assert.ok(lstatSync(`${target}/empty`).isFile());
      fails(() => lstatSync(`${target}/none`), 'ENOSYS');
      const {refused} = await stats();
      // Garbage names no request. An answer that comes again is one to no request.
      assert.equal(refused?.['unknown-request'], 3_050);
      assert.equal(refused?.['short'], 110);
      const status = readFileSync(`/proc/${mounted!.observer!.pid}/status`, 'latin1');
      assert.ok(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) < 200_000, 'the relay grew');
    });

    test('is silent: who waits is let go when it is ended', async () => {
      const target = await serving({names: {never: 'never'}});
      const waiting = await waitingFor(`${target}/never`);
      for (const child of bench.servers.children) child.kill('SIGKILL');
      const relay = mounted!.observer!.pid;
      assert.ok(await eventually(() => !runs(relay), GONE_MS));
      assert.throws(() => statSync(`${target}/other`), /ENOTCONN|ECONNABORTED/);
      assert.match(await waiting.complaint, /Input\/output error/);
    });

    test('is shut out by an order, and who waits gets EIO', async () => {
      const target = await serving({names: {never: 'never'}});
      const waiting = await waitingFor(`${target}/never`);
      const client = await ControlClient.connect(mounted!.controlSocket!, serverMessages);
      const state = await client.request({do: 'shutdown'});
      client.close();
      assert.equal(state.shutDown, true);
      assert.equal(state.queueDepth, 0);
      assert.match(await waiting.complaint, /Input\/output error/);
      fails(() => lstatSync(`${target}/other`));
      assert.equal((await stats()).operations['LOOKUP']?.errorsByErrno['EIO'], 2);
    });
  },
);
