import {spawnSync} from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {ControlClient} from '../../src/control/client.js';
import {serverMessages} from '../../src/control/schemas.js';
import {eventually} from '../../src/helper/cleanup.js';
import type {MountResult} from '../../src/helper/mount-request.js';
import type {RelayProcess} from '../../src/helper/observer.js';
import {containmentOf} from '../../src/launch/containment.js';
import type {MountRecord} from '../../src/launch/mount-record.js';
import {type Seal, sealOf} from '../../src/launch/seal.js';
import {fuseConnectionOf} from '../../src/sys/process.js';
import {ATTRIBUTES} from '../conformance/attributes.js';
import type {Check} from '../conformance/check.js';
import {NAMES} from '../conformance/names.js';
import {READ_ONLY} from '../conformance/read-only.js';
import {READING} from '../conformance/reading.js';
import {bundle} from '../support/bundle.mjs';
import {cannotContain, fuseward, tracesOf} from '../support/contained-mount.js';
import {MIB, ownImageOf, type Recipe} from '../support/images.js';
import {cannotMount, differences, expected, skipped} from '../support/oracle.js';
import {snapshot} from '../support/snapshot.js';
import {conformance} from '../support/tree/conformance.js';
import {EXISTS} from './fuse-support/changing-fs.js';
import {base64, Mounted} from './fuse-support/mounted.js';
import {runs} from './manager-support.js';
import {mountExt4, observing} from './observe-support.js';

/** Our own ext4 server with a relay between it and the kernel: what is seen is the same, and more is known of it. */
const reason = cannotMount() ?? cannotContain();
const CHECKS: readonly Check[] = [...READING, ...NAMES, ...ATTRIBUTES, ...READ_ONLY];
const GONE_MS = 5_000;

const recipe: Recipe = {
  name: 'observed',
  feature: 'what is read through a relay',
  size: 24 * MIB,
  mkfs: ['-t', 'ext4'],
  chapters: [conformance],
};

/** What a look at a path ends with; the root's attributes are known without its server. */
function answerOf(path: string): string | undefined {
  try {
    statSync(path);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
const isGone = (pid: number | undefined): boolean => pid === undefined || !runs(pid);

describe.skipIf(reason !== undefined)(`a server behind a relay${skipped(reason)}`, () => {
  let target: string;
  let mounted: MountResult;

  async function open(): Promise<void> {
    target = mkdtempSync(join(tmpdir(), 'fuseward-observed-'));
    mounted = await mountExt4(ownImageOf(recipe), target);
  }

  /** Unmounts if that was not done, and nothing may be left. */
  async function close(): Promise<void> {
    if (tracesOf(target).mounts.length > 0) spawnSync('umount', [target]);
    const {serverPid, observer, controlSocket} = mounted;
    const gone = await eventually(() => isGone(serverPid) && isGone(observer?.pid), GONE_MS);
    rmSync(controlSocket!, {force: true});
    rmdirSync(target);
    expect(gone, 'a process is still there').toBe(true);
    expect(tracesOf(target)).toEqual({mounts: [], loops: [], processes: []});
  }

  describe('while it serves', () => {
    beforeAll(open);
    afterAll(close);

    test('shows what the kernel shows', () => {
      const allowed = {type: 'statfs tells the kind of file system', uuid: 'FUSE has no uuid to tell'};
      expect(differences(recipe, expected(recipe), snapshot(target), allowed)).toEqual([]);
    });

    for (const check of CHECKS) test(check.what, () => check.run(target));

    test('has the fuse device, and the server a socket', () => {
      const {serverPid, observer, connectionId} = mounted;
      // By the kernel's own word.
      expect(fuseConnectionOf(observer!.pid)).toEqual([connectionId]);
      const server = containmentOf(serverPid!);
      expect(Object.keys(server.descriptors)).not.toContain('/dev/fuse');
      const expectation = {
        callerUid: 0,
        embedded: true,
        sourcePath: mounted.sourcePath,
        loopDevice: mounted.loopDevice,
        readOnly: true,
        connection: connectionId,
        reported: mounted.lockDown,
      };
      const judged = (observed: boolean) =>
        sealOf(server, {...expectation, observed}).find(({point}) => point === 'descriptors')?.state;
      expect([judged(true), judged(false)]).toEqual(['verified', 'missing']);
    });

    test('is held like a server', () => {
      const relay = containmentOf(mounted.observer!.pid);
      const server = containmentOf(mounted.serverPid!);
      expect(relay.uid).not.toBe(server.uid);
      expect(relay).toMatchObject({
        account: undefined,
        capabilities: [],
        noNewPrivs: true,
        sharedNamespaces: [],
        hardLimits: server.hardLimits,
      });
      expect(relay.seccompFilters).toBeGreaterThan(0);
      // The image is none of its business.
      expect(
        Object.keys(relay.descriptors).filter((kind) => /^\/(?!memfd:|dev\/(fuse|null)$)/.test(kind)),
      ).toEqual([]);
    });

    test('is counted, and asked for what a relay can do', async () => {
      statSync(join(target, 'lost+found'));
      const client = await ControlClient.connect(mounted.controlSocket!, serverMessages);
      try {
        expect(client.hello.type).toBe('ext4');
        const {operations, refused, queueDepth} = await client.request({do: 'stats'});
        expect(operations['READ']?.bytesOut).toBeGreaterThan(100_000);
        expect(operations['READDIRPLUS']?.count).toBeGreaterThan(0);
        expect(operations['READ']?.maxNs).toBeGreaterThan(0);
        expect([refused, queueDepth]).toEqual([{}, 0]);
        expect(await client.request({do: 'caches'})).toEqual({caches: {}});
        for (const order of ['freeze', 'thaw', 'drop', 'sync'] as const) {
          await expect(client.request({do: order})).rejects.toMatchObject({code: 'observed'});
        }
      } finally {
        client.close();
      }
    });
  });

  describe('ends', () => {
    beforeEach(open);
    afterEach(close);

    test('when its server is killed', async () => {
      process.kill(mounted.serverPid!, 'SIGKILL');
      expect(await eventually(() => isGone(mounted.observer!.pid), GONE_MS)).toBe(true);
      expect(await eventually(() => answerOf(join(target, 'other')) === 'ENOTCONN', GONE_MS)).toBe(true);
    });

    test('when it is killed itself, and its server with it', async () => {
      process.kill(mounted.observer!.pid, 'SIGKILL');
      expect(await eventually(() => isGone(mounted.serverPid), GONE_MS)).toBe(true);
      expect(await eventually(() => answerOf(join(target, 'other')) === 'ENOTCONN', GONE_MS)).toBe(true);
    });
  });

  test('is not left behind by a mount that fails', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'fuseward-observed-'));
    target = join(directory, 'mnt');
    mkdirSync(target);
    const started: RelayProcess[] = [];
    const observe = (): RelayProcess => {
      started.push(observing.observe!());
      return started[0]!;
    };
    // No ext4 in it.
    const image = join(directory, 'zeros.img');
    spawnSync('truncate', ['-s', '1M', image]);
    await expect(mountExt4(image, target, {observe})).rejects.toMatchObject({code: 'server-refused'});
    const left = readFileSync('/proc/self/mountinfo', 'latin1');
    expect(left).not.toContain(directory);
    expect(started.length).toBe(1);
    expect(started[0]!.exited()).toBe(true);
    rmSync(directory, {recursive: true});
  });

  test('stands where policy says so, and the commands tell what it counts', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'fuseward-observed-'));
    target = join(directory, 'mnt');
    mkdirSync(target);
    const policies = join(directory, 'policy.d');
    mkdirSync(policies, {mode: 0o755});
    const rule = '[[allow]]\nusers = ["root"]\nsources = ["**"]\ntargets = ["**"]\nsource_owner = "anyone"\n';
    writeFileSync(join(policies, 'ext4.toml'), `[server]\nobserve = true\n${rule}target_owner = "anyone"\n`);
    const made = fuseward(
      'mount',
      '--policy',
      policies,
      '-t',
      'ext4',
      '-o',
      'ro',
      ownImageOf(recipe),
      target,
    );
    expect(made.stderr).toBe('');
    try {
      readdirSync(target);
      const {record} = JSON.parse(fuseward('status', target, '--json').stdout) as {record: MountRecord};
      expect(fuseConnectionOf(record.observer!.pid)).toEqual([record.connectionId]);
      const stats = fuseward('stats', target);
      expect(stats.stdout, stats.stderr).toMatch(/READDIRPLUS +\d+ +0 /);
      const {seal} = JSON.parse(fuseward('status', target, '--json').stdout) as {seal: Seal};
      expect(seal.find(({point}) => point === 'descriptors')?.state).toBe('verified');
    } finally {
      expect(fuseward('umount', target).stderr).toBe('');
      rmSync(directory, {recursive: true});
    }
  });

  test('lets notifications through', async () => {
    const program = await bundle('test/integration/fuse-support/server-program.ts');
    const changing = await Mounted.start(program, 'changing', 'relayed');
    try {
      const there = join(changing.target, 'there');
      statSync(there);
      await changing.ask('set', EXISTS, 0);
      statSync(there);
      await changing.ask('invalEntry', 1, base64('there'));
      const isAbsent = (): boolean => statSync(there, {throwIfNoEntry: false}) === undefined;
      expect(await eventually(isAbsent, GONE_MS)).toBe(true);
      await changing.stop();
      expect(changing.defects).toEqual([]);
    } finally {
      await changing.discard();
      rmSync(program);
    }
  });
});
