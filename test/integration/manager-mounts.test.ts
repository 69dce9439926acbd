import {mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {connect} from 'node:net';
import {join} from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {MountView} from '../../src/manager/model.js';
import {FUSEWARD} from './command-support.js';
import {missingForManager, NOTHING, Room, runs, SOON_MS} from './manager-support.js';

const missing = missingForManager();
let room: Room;

/** What findmnt says of a target in the room. */
function findmnt(target: string): Record<string, string> {
  const columns = ['ID', 'SOURCE', 'TARGET', 'FSTYPE', 'VFS-OPTIONS', 'FS-OPTIONS'];
  const text = room.run('findmnt', '--json', '--output', columns.join(','), '--mountpoint', target);
  return (JSON.parse(text) as {filesystems: [Record<string, string>]}).filesystems[0];
}

function field(pid: number, name: string): string | undefined {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(text)?.[1];
}

describe.skipIf(missing)(`the manager's mounts${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(async () => {
    room = await Room.create();
  });
  afterEach(() => room.close());

  test('a mount is listed when the command returns, with the facts that the kernel tells', async () => {
    await room.daemon();
    const listen = await room.listen();
    const {image, target, serverPid, connectionId, loopDevice} = room.mount('disk');
    const listed = (await room.mounts()).find((mount) => mount.target === target);
    const kernel = findmnt(target);
    expect(listed).toMatchObject({
      id: String(connectionId),
      mountId: Number(kernel['id']),
      ours: true,
      source: kernel['source'],
      target: kernel['target'],
      type: kernel['fstype'],
      callerUid: 0,
      readOnly: true,
      serverPid,
      loopDevice,
    });
    expect(listed!.source).toBe(image);
    expect(new Set(listed!.options)).toEqual(
      new Set(`${kernel['vfs-options']},${kernel['fs-options']}`.split(',')),
    );
    expect(statSync(room.path(target)).dev & 0xff).toBe(connectionId & 0xff);
    expect(room.run('losetup', '--noheadings', '--output', 'NAME', '--associated', image).trim()).toBe(
      loopDevice,
    );
    const {containment} = listed!;
    expect(String(containment!.uid)).toBe(field(serverPid, 'Uid'));
    expect(containment).toMatchObject({capabilities: [], noNewPrivs: true, sharedNamespaces: []});
    expect(field(serverPid, 'Seccomp')).toBe('2');
    expect(containment!.reported).not.toBeNull();

    await eventually(() => listen.heard.length > 0, SOON_MS);
    expect(listen.heard[0]).toMatchObject({
      event: 'mounted',
      mount: String(connectionId),
      target,
      details: {ours: true, source: image, loopDevice, serverPid},
    });
    expect(room.fuseward('umount', target).code).toBe(0);
    expect(await room.mounts()).toEqual([]);
    await eventually(() => listen.heard.some(({event}) => event === 'unmounted'), SOON_MS);
    expect(listen.heard.map(({event}) => event).filter((event) => event !== 'health')).toEqual([
      'mounted',
      'unmounted',
    ]);
    expect(room.leftovers()).toEqual(NOTHING);
    listen.close();
  });

  test('its server is asked, and answers', async () => {
    await room.daemon();
    const {target, connectionId} = room.mount('disk');
    const view = await room.seen(target, ({health}) => health === 'ok');
    expect(view).toMatchObject({connected: true, health: 'ok', transport: 'device', waiting: 0});
    room.run('cat', join(target, 'struct.ts'));
    const {body: stats} = await room.ask<{operations: Record<string, {count: number}>; process: object}>(
      'GET',
      `/v1/mounts/${connectionId}/stats`,
    );
    expect(stats.operations['READ']!.count).toBeGreaterThan(0);
    expect(stats.process).toMatchObject({threads: expect.any(Number)});
    const {body: cache} = await room.ask<{caches: Record<string, {misses: {cold: number}}>}>(
      'GET',
      `/v1/mounts/${connectionId}/cache`,
    );
    expect(cache.caches['block']!.misses.cold).toBeGreaterThan(0);
  });

  test('mounts and unmounts that nobody announces are noticed', async () => {
    await room.daemon();
    const {image, target} = room.image('disk');
    expect(room.fuseward('mount', '--no-announce', image, target).code).toBe(0);
    expect(await room.seen(target, ({ours}) => ours)).toMatchObject({ours: true, source: image});
    room.run('umount', target);
    expect(await room.unseen(target)).toBe(true);
    await eventually(() => room.leftovers().records.length === 0, SOON_MS);
    expect(room.leftovers()).toEqual(NOTHING);
  });

  test('mounts that were made while no daemon ran are found, and none is invented', async () => {
    const first = room.mount('first');
    const second = room.mount('second');
    const daemon = await room.daemon();
    const listed = await room.mounts();
    expect(listed.map(({target, ours}) => ({target, ours}))).toEqual(
      [first, second]
        .sort((a, b) => a.connectionId - b.connectionId)
        .map(({target}) => ({target, ours: true})),
    );
    expect(await room.seen(first.target, ({connected}) => connected)).toMatchObject({connected: true});
    expect(await daemon.end()).toBe(0);
    expect(daemon.stderr()).toBe('');
    // Its end leaves the mounts as they were.
    expect(runs(first.serverPid) && runs(second.serverPid)).toBe(true);
    expect(readdirSync(room.path(first.target))).toContain('struct.ts');
  });

  test('a mount of somebody else is listed with what the kernel tells, and can be removed', async () => {
    await room.daemon();
    const {image, target} = room.image('foreign');
    const server = room.start('fuse2fs', '-f', '-o', 'ro', image, target);
    const view = await room.seen(target);
    expect(view).toMatchObject({
      ours: false,
      type: findmnt(target)['fstype'],
      iomap: 'unknown',
      transport: 'unknown',
      connected: false,
      waiting: 0,
      loopDevice: null,
      since: null,
    });
    const known = await room.seen(target, ({serverPid}) => serverPid !== null);
    expect(known!.serverPid).toBe(server.pid);
    expect((await room.seen(target, ({health}) => health !== 'unknown'))!.health).toBe('ok');
    const caches = await room.ask<{code: string}>('GET', `/v1/mounts/${view!.id}/cache`);
    expect(caches.status).toBeGreaterThanOrEqual(400);
    expect(caches.body.code).toBe('no-control');
    expect((await room.ask('DELETE', `/v1/mounts/${view!.id}`)).status).toBeLessThan(300);
    expect(await room.mounts()).toEqual([]);
    expect(await eventually(() => server.exitCode !== null, SOON_MS)).toBe(true);
  });

  test('mounts through the API go the way of the command line, its refusals included', async () => {
    const daemon = await room.daemon();
    const {image, target} = room.image('disk');
    const made = await room.ask<MountView>('POST', '/v1/mounts', {source: image, target, type: 'ext4'});
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({target, source: image, ours: true, health: 'ok', connected: true});
    expect(readdirSync(room.path(target))).toContain('struct.ts');

    const cases: Array<[object, string, string]> = [
      [{source: image, target}, 'target-busy', 'EBUSY'],
      [{source: join(room.dir, 'none.img'), target: room.dir}, 'source-missing', 'ENOENT'],
      [{source: 'disk.img', target: room.dir}, 'bad-path', 'EINVAL'],
      [{source: image, target: room.dir, type: 'ext4'}, 'source-busy', 'EBUSY'],
      [{source: join(room.dir, 'small.img'), target: room.dir, type: 'zfs'}, 'no-driver', 'ENODEV'],
      [{source: join(room.dir, 'small.img'), target: '--help'}, 'bad-path', 'EINVAL'],
      [
        {source: join(room.dir, 'small.img'), target: room.dir, options: ['--help']},
        'server-refused',
        'EINVAL',
      ],
    ];
    for (const [order, code, errno] of cases) {
      const refused = await room.ask<{code: string; errno?: string}>('POST', '/v1/mounts', order);
      expect(refused.status, code).toBeGreaterThanOrEqual(400);
      expect(refused.body.code).toBe(code);
      expect(refused.body.errno).toBe(errno);
    }

    // Somebody has a file open: only a lazy removal works.
    const reader = room.start('sh', '-c', `exec 3< ${target}/struct.ts && echo open && exec sleep 60`);
    await new Promise((resolve) => reader.stdout!.once('data', resolve));
    const {id} = made.body;
    const busy = await room.ask<{code: string}>('DELETE', `/v1/mounts/${id}`);
    expect(busy.body.code).toBe('target-busy');
    expect((await room.ask('DELETE', `/v1/mounts/${id}?lazy=true`)).status).toBeLessThan(300);
    expect(await room.mounts()).toEqual([]);
    reader.kill('SIGKILL');
    // The record goes when nobody has a file of it open any more.
    await eventually(() => isDeepStrictEqual(room.leftovers(), NOTHING), SOON_MS);
    expect(room.leftovers()).toEqual(NOTHING);
    expect(await daemon.end()).toBe(0);
  });

  test('a forced removal does not wait for those who use the mount', async () => {
    await room.daemon();
    const {target, connectionId, serverPid} = room.mount('disk');
    const reader = room.start('sh', '-c', `exec 3< ${target}/struct.ts && echo open && exec sleep 60`);
    await new Promise((resolve) => reader.stdout!.once('data', resolve));
    process.kill(serverPid, 'SIGSTOP');
    expect((await room.ask('DELETE', `/v1/mounts/${connectionId}?force=true`)).status).toBeLessThan(300);
    expect(await room.mounts()).toEqual([]);
    process.kill(serverPid, 'SIGCONT');
    expect(await eventually(() => !runs(serverPid), SOON_MS)).toBe(true);
    // The record goes when nobody has a file of it open any more.
    await eventually(() => isDeepStrictEqual(room.leftovers(), NOTHING), SOON_MS);
    expect(room.leftovers()).toEqual(NOTHING);
  });

  test('a mount is removed by its id, and not what lies on its path', async () => {
    await room.daemon();
    const {target, connectionId} = room.mount('disk');
    room.run('mount', '-t', 'tmpfs', 'none', target);
    const covered = await room.ask<{code: string}>('DELETE', `/v1/mounts/${connectionId}`);
    expect(covered.status).toBe(409);
    expect(room.run('findmnt', '--noheadings', '--output', 'FSTYPE', '--mountpoint', target)).toContain(
      'tmpfs',
    );
    room.run('umount', target);
    expect((await room.ask('DELETE', `/v1/mounts/${connectionId}`)).status).toBeLessThan(300);
    expect(room.leftovers()).toEqual(NOTHING);
  });

  test('a mount that takes the number of another one is told as another one', async () => {
    const daemon = await room.daemon();
    const {heard, close} = await room.listen();
    const {image, target, serverPid} = room.mount('disk');
    // The kernel gives the lowest free number. The daemon sees the table before and after, and nothing in between.
    process.kill(daemon.pid, 'SIGSTOP');
    room.run('umount', target);
    const again = room.fuseward('mount', '--no-announce', image, target);
    process.kill(daemon.pid, 'SIGCONT');
    expect(again.code).toBe(0);
    const view = await room.seen(target, (each) => each.serverPid !== null && each.serverPid !== serverPid);
    expect(view!.serverPid).not.toBe(serverPid);
    // Events come by a connection of their own, which may be read after the answer about the mount.
    const told = () => heard.filter(({event}) => event !== 'health');
    await eventually(() => told().length >= 3, SOON_MS);
    expect(told().map(({event, details}) => [event, details['reason']])).toEqual([
      ['mounted', undefined],
      ['unmounted', 'unmounted'],
      ['mounted', undefined],
    ]);
    close();
  });

  test('a mount is removed from every place it is mounted at', async () => {
    await room.daemon();
    const {heard, close} = await room.listen();
    const {target, connectionId} = room.mount('disk');
    const copy = join(room.dir, 'copy');
    room.run('mkdir', copy);
    room.run('mount', '--bind', target, copy);
    room.run('umount', target);
    // The record names a place that is gone; the mount is ours all the same, before and after a restart.
    expect(await room.seen(copy)).toMatchObject({ours: true, id: String(connectionId), health: 'ok'});
    room.run('mount', '--bind', copy, target);
    expect((await room.ask('DELETE', `/v1/mounts/${connectionId}`)).status).toBeLessThan(300);
    expect(await room.mounts()).toEqual([]);
    // The record goes when nobody has a file of it open any more.
    await eventually(() => isDeepStrictEqual(room.leftovers(), NOTHING), SOON_MS);
    expect(room.leftovers()).toEqual(NOTHING);
    expect(heard.findLast(({event}) => event === 'unmounted')).toMatchObject({details: {reason: 'ordered'}});
    close();
  });

  test('a denied mount is an event', async () => {
    await room.daemon();
    const {heard, close} = await room.listen();
    const {image} = room.image('disk');
    const refused = room.fuseward('mount', image, '/dev/null');
    expect(refused.code).toBe(1);
    await eventually(() => heard.length > 0, SOON_MS);
    expect(heard[0]).toMatchObject({
      event: 'denied',
      mount: null,
      details: {source: image, target: '/dev/null', errno: 'EACCES', code: 'target-kind'},
    });
    close();
  });

  test('a second daemon does not start, and one that was killed is replaced', async () => {
    const daemon = await room.daemon();
    const second = room.fuseward('daemon', '--admin-socket', join(room.dir, 'second.sock'));
    expect(second).toMatchObject({
      code: 1,
      stderr:
        "fuseward: can't start the daemon: a manager runs already: it holds /run/fuseward/manager.lock\n",
    });
    // Nor does it touch what the first holds: that still mounts, by its policy.
    const {image, target} = room.image('held');
    expect((await room.ask('POST', '/v1/mounts', {source: image, target})).status).toBe(201);
    expect(room.fuseward('umount', target).code).toBe(0);
    const elsewhere = join(room.dir, 'run');
    const other = room.start(FUSEWARD, 'daemon', '--run-dir', elsewhere);
    await eventually(() => readdirSync(room.dir).includes('run'), SOON_MS);
    expect(await eventually(() => readdirSync(elsewhere).includes('admin.sock'), SOON_MS)).toBe(true);
    other.kill('SIGTERM');
    expect(await eventually(() => other.exitCode === 0, SOON_MS)).toBe(true);
    expect(await daemon.end('SIGKILL')).toBeNull();
    expect(readdirSync(room.path('/run/fuseward'))).toContain('manager.sock');
    const next = await room.daemon();
    const {mode, uid} = statSync(room.path('/run/fuseward/manager.sock'));
    expect({mode: mode & 0o777, uid}).toEqual({mode: 0o600, uid: 0});
    expect(await next.end('SIGINT')).toBe(0);
    expect(readdirSync(room.path('/run/fuseward')).filter((name) => name.endsWith('.sock'))).toEqual([]);
  });

  test.each([
    [['--listen', '127.0.0.1:0'], 'daemon: --listen needs --token-file'],
    [['--listen', 'everywhere', '--token-file', '/dev/null'], 'daemon: --listen needs HOST:PORT'],
    [['--token-file', '/dev/null'], 'daemon: --token-file is for --listen'],
    [['--log-level', 'loud'], 'daemon: --log-level must be one of debug, info, warn, error'],
    [['--tls-cert', '/dev/null'], 'daemon: --tls-cert and --tls-key belong together'],
    [['--listen', '0.0.0.0:0', '--token-file', '/dev/null'], "can't listen on 0.0.0.0"],
  ])('a daemon with %j does not start', (args, reason) => {
    const {code, stderr} = room.fuseward('daemon', ...args);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `fuseward: ${reason.startsWith('daemon') ? '' : "can't start the daemon: "}${reason}`,
    );
    expect(readdirSync(room.path('/run/fuseward')).filter((name) => name.endsWith('.sock'))).toEqual([]);
  });

  test('records of mounts that are gone are swept at start', async () => {
    const {target} = room.mount('disk');
    const records = room.path('/run/fuseward/mounts');
    const [name] = readdirSync(records);
    const text = readFileSync(join(records, name!), 'utf8');
    room.run('umount', target);
    mkdirSync(records, {recursive: true});
    writeFileSync(join(records, '999999.json'), text.replace(/"connectionId":\d+/, '"connectionId":999999'));
    writeFileSync(join(records, '999998.json'), 'no JSON at all');
    await room.daemon();
    expect(await room.mounts()).toEqual([]);
    expect(room.leftovers()).toEqual(NOTHING);
  });

  test('announcements that are none do no harm', async () => {
    const daemon = await room.daemon();
    const socket = room.path('/run/fuseward/manager.sock');
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0]),
      Buffer.from([0, 0, 0, 2, 0x7b, 0x7d]),
      Buffer.from([0, 0, 0]),
    ]) {
      const client = connect(socket);
      client.on('error', () => undefined);
      client.write(bytes);
      // The last one never ends its frame; it is closed all the same.
      await new Promise((resolve) => client.once('close', resolve));
    }
    const {target} = room.mount('disk');
    expect((await room.mounts()).map((mount) => mount.target)).toEqual([target]);
    expect(daemon.log().filter(({level}) => level === 'error')).toEqual([]);
  });
});
