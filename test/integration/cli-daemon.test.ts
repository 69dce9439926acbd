import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {CachesView, ManagerEvent, MountStats, MountView} from '../../src/manager/model.js';
import {type Bench, bench} from './command-support.js';
import {type Daemon, missingForManager, Room, SOON_MS} from './manager-support.js';

const missing = missingForManager();

/** Commands against the daemon as it is and a contained mount, one after another on the same mount. */
describe.skipIf(missing !== undefined)(
  `the command line and the daemon${missing ? ` (${missing})` : ''}`,
  () => {
    let room: Room;
    let daemon: Daemon;
    let place: Bench;

    beforeAll(async () => {
      room = await Room.create();
      place = bench();
      daemon = await room.daemon();
      expect(room.fuseward('mount', place.image, place.target)).toMatchObject({code: 0, stderr: ''});
    });
    afterAll(async () => {
      await daemon?.end();
      await room?.close();
      place?.remove();
    });

    const json = <T>(...args: string[]): T => {
      const {code, stdout, stderr} = room.fuseward(...args, '--json');
      expect([code, stderr]).toEqual([0, '']);
      return JSON.parse(stdout) as T;
    };
    const mount = (): MountView => json<MountView[]>('ls').find(({target}) => target === place.target)!;
    const done = {code: 0, stdout: '', stderr: ''};

    test('ls and status tell that it is well and contained', async () => {
      expect(await eventually(() => mount().health === 'ok' && mount().connected, SOON_MS)).toBe(true);
      expect(mount()).toMatchObject({ours: true, source: place.image, type: 'fuse.ext4', frozen: false});
      const {stdout} = room.fuseward('status', place.target);
      expect(stdout).toContain('health: ok\nmanager: connected to the server');
      expect(stdout).toMatch(/verified capabilities +none/);
    });

    test('stats counts what was read', () => {
      const before = json<MountStats>('stats', place.target);
      const names = room.run('ls', place.target).trim().split('\n');
      for (const name of names.filter((one) => one.endsWith('.ts')))
        room.run('cat', join(place.target, name));
      const after = json<MountStats>('stats', place.target);
      const reads = (stats: MountStats): number => stats.operations['READ']?.bytesOut ?? 0;
      const size = readdirSync('src/wire').reduce(
        (sum, name) => sum + readFileSync(`src/wire/${name}`).length,
        0,
      );
      expect(reads(after) - reads(before)).toBeGreaterThanOrEqual(size);
      expect(room.fuseward('stats', place.target).stdout).toMatch(/^READ +\d+ +0 /m);
    });

    test('cache shows, drops and limits', () => {
      const before = json<CachesView>('cache', place.target).caches['block']!;
      expect(before.entries).toBeGreaterThan(0);
      const dropped = json<CachesView>('cache', place.target, '--drop').caches['block']!;
      expect(dropped).toMatchObject({entries: 0, bytes: 0});
      expect(dropped.evictions.dropped).toBe(before.evictions.dropped + before.entries);
      const limited = json<CachesView>('cache', mount().id, '--limit', '1M').caches['block']!;
      expect(limited.capacityBytes).toBe(2 ** 20);
    });

    test('a limit that makes no sense is refused in one sentence', () => {
      const {code, stdout, stderr} = room.fuseward('cache', place.target, '--limit', '8191T');
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^fuseward: [^\n]+\n$/);
    });

    test('freeze holds, thaw ends it, sync comes back', () => {
      expect(room.fuseward('freeze', place.target)).toEqual(done);
      expect(mount().frozen).toBe(true);
      expect(room.fuseward('ls').stdout).toContain('ok, frozen');
      expect(room.fuseward('thaw', place.target)).toEqual(done);
      expect(mount().frozen).toBe(false);
      expect(room.fuseward('sync', place.target)).toEqual(done);
    });

    test('top tells of it in plain lines', () => {
      const {code, stdout} = room.fuseward('top', '--once', '--interval', '0.2');
      expect(code).toBe(0);
      expect(stdout.trimEnd().split('\n')[1]).toMatch(new RegExp(`Z +ok +\\d.* ${place.target}$`));
    });

    test('events tells that it was mounted', () => {
      const event = json<ManagerEvent>('events', '--since', '0', '--count', '1');
      expect(event).toMatchObject({event: 'mounted', mount: mount().id, target: place.target});
    });

    test('without the daemon the same counts are told, by the kernel', async () => {
      const managed = json<CachesView>('cache', place.target);
      const {id} = mount();
      expect(await daemon.end()).toBe(0);
      const {code, stdout, stderr} = room.fuseward('cache', id, '--json');
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /^fuseward: no manager is listening on .*, so this is only what the kernel tells/,
      );
      const {caches} = JSON.parse(stdout) as CachesView;
      const counted = ({caches: all}: CachesView): unknown =>
        Object.entries(all).map(([name, {hitRate: _, ...counts}]) => [name, counts]);
      expect(counted({caches})).toEqual(counted(managed));
      expect(room.fuseward('freeze', id)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/; start one with "fuseward daemon"\n$/),
      });
      daemon = await room.daemon();
    });

    test('shutdown answers everything with EIO, and umount by id ends it', async () => {
      expect(room.fuseward('shutdown', place.target)).toEqual(done);
      expect(() => room.run('ls', place.target)).toThrow('Input/output error');
      expect(mount()).toMatchObject({shutDown: true, health: 'ok'});
      expect(room.fuseward('ls').stdout).toContain('ok, shutdown');
      expect(room.fuseward('top', '--once', '--interval', '0.2').stdout).toMatch(/Z +shutdown +\d/);
      expect(room.fuseward('status', place.target).stdout).toContain('everything is answered with EIO');
      expect(room.fuseward('umount', '999999999')).toMatchObject({
        code: 1,
        stderr: 'fuseward: there is no mount of a FUSE server with the id 999999999\n',
      });
      expect(room.fuseward('umount', mount().id)).toEqual(done);
      expect(await eventually(() => json<MountView[]>('ls').length === 0, SOON_MS)).toBe(true);
    });
  },
);
