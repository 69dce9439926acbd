import assert from 'node:assert/strict';
import {existsSync, mkdirSync, renameSync, rmdirSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, test} from 'vitest';
import {mount} from '../../src/helper/mount.js';
import {unmount} from '../../src/helper/unmount.js';
import {blockSize} from '../../src/sys/block-device.js';
import {O_RDONLY, openFd} from '../../src/sys/fd.js';
import {attachLoop, loopStatus} from '../../src/sys/loop.js';
import {mountAt, umount} from '../../src/sys/mount.js';
import {mountAtPath} from '../../src/sys/mount-info.js';
import {withFakeServers} from './helper-fixture.js';
import {
  type FakeServers,
  missingForMounts,
  type Playground,
  recordingLog,
  request,
} from './helper-support.js';

const missing = missingForMounts();

describe.skipIf(missing !== undefined)(`helper mounts${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let place: Playground;
  let servers: FakeServers;

  withFakeServers((fresh) => {
    ({place, servers} = fresh);
  });

  test('through the new mount API, nosuid and nodev forced, and unmounts', async () => {
    const result = await mount(request(place), servers.deps({detected: {type: 'other', blockSize: 4096}}));
    const entry = mountAtPath(place.target);
    assert.ok(entry);
    assert.equal(entry.fsType, 'fuse.fake');
    assert.equal(entry.source, place.image);
    for (const option of ['nosuid', 'nodev', 'rw', 'relatime'])
      assert.ok(entry.options.includes(option), option);
    assert.equal(result.mountId, entry.id);
    assert.equal(result.connectionId, entry.minor);
    assert.equal(result.target, place.target);
    assert.equal(result.subtype, 'fake');
    assert.equal(result.blockSize, 4096);
    assert.equal(result.serverPid, servers.children[0]?.pid);
    assert.match(result.loopDevice ?? '', /^\/dev\/loop\d+$/);
    assert.equal(statSync(place.target).ino, 1);
    const done = await unmount(place.target, {serverPid: result.serverPid as number});
    assert.deepEqual(done, {
      elsewhere: false,
      target: place.target,
      source: place.image,
      loopReleased: true,
      serverGone: true,
    });
  });

  test('through mount(2) for a server that sends no TYPE', async () => {
    const cwd = process.cwd();
    const result = await mount(
      request(place, {options: ['ro,noexec,max_read=8192']}),
      servers.deps({withoutType: true, options: 'default_permissions'}),
    );
    const entry = mountAtPath(place.target);
    assert.ok(entry);
    assert.equal(entry.fsType, 'fuse.fake');
    assert.equal(result.mountId, entry.id);
    assert.equal(result.readOnly, true);
    for (const option of ['ro', 'nosuid', 'nodev', 'noexec'])
      assert.ok(entry.options.includes(option), option);
    assert.ok(entry.superOptions.includes('default_permissions'));
    assert.ok(entry.superOptions.includes('max_read=8192'));
    assert.equal(process.cwd(), cwd);
    await unmount(place.target);
  });

  test('with the options of the caller, where the server cannot loosen them', async () => {
    await mount(
      request(place, {options: ['ro,noatime', 'suid,dev,nofail,x-systemd.automount']}),
      servers.deps({openFlags: 0, msFlags: 0, options: 'allow_other,default_permissions'}),
    );
    const entry = mountAtPath(place.target);
    for (const option of ['ro', 'noatime', 'nosuid', 'nodev'])
      assert.ok(entry?.options.includes(option), option);
    assert.ok(entry?.superOptions.includes('ro'));
    assert.ok(entry?.superOptions.includes('allow_other'));
    assert.match(servers.output, /"args":\["fake","[^"]+disk.img","[^"]+mnt","-o","ro,noatime,suid,dev"\]/);
    await unmount(place.target);
  });

  for (const withoutType of [false, true]) {
    test(`with every flag, through ${withoutType ? 'mount(2)' : 'fsmount(2)'}`, async () => {
      const options = ['ro,noexec,sync,dirsync,lazytime,nosymfollow,nodiratime,strictatime'];
      await mount(request(place, {options}), servers.deps({withoutType}));
      const entry = mountAtPath(place.target);
      const shown = [...(entry?.options ?? []), ...(entry?.superOptions ?? [])];
      // strictatime is the absence of the others.
      for (const flag of ['ro', 'noexec', 'sync', 'dirsync', 'lazytime', 'nosymfollow', 'nodiratime']) {
        assert.ok(shown.includes(flag), `${flag} is missing from ${shown}`);
      }
      assert.ok(!shown.includes('relatime') && !shown.includes('noatime'));
      await unmount(place.target);
    });
  }

  test('suid and dev where policy and caller agree', async () => {
    const deps = servers.deps({}, {policy: {allowSuid: true, allowDev: true}});
    await mount(request(place, {options: ['suid,dev']}), deps);
    const entry = mountAtPath(place.target);
    assert.deepEqual(
      entry?.options.filter((option) => /suid|dev/.test(option)),
      [],
    );
    await unmount(place.target);
  });

  test('a regular file as target', async () => {
    rmdirSync(place.target);
    writeFileSync(place.target, '');
    const result = await mount(request(place), servers.deps({expected: 'file'}));
    assert.equal(result.target, place.target);
    assert.ok(statSync(place.target).isFile());
    await unmount(place.target);
  });

  test('a target that a symbolic link names, at the place it leads to', async () => {
    const link = join(place.dir, 'link');
    symlinkSync(place.target, link);
    const result = await mount(request(place, {target: link}), servers.deps({}));
    assert.equal(result.target, place.target);
    await unmount(link);
  });

  test('the subtype that the server detected when the caller named none', async () => {
    const deps = servers.deps({detected: {type: 'ext4'}});
    const result = await mount(request(place, {type: undefined}), deps);
    assert.equal(result.type, 'fuse.ext4');
    assert.match(servers.output, /"args":\["auto"/);
    await unmount(place.target);
  });

  test('a server that knows nothing of the extension', async () => {
    const result = await mount(request(place), servers.deps({plain: true}, {kind: 'socket'}));
    assert.equal(result.kind, 'socket');
    assert.equal(result.loopDevice, undefined, 'only TRYLOOP gives a loop device');
    assert.match(servers.output, /"extended":false/);
    await unmount(place.target);
  });

  test('without a loop device where policy says never', async () => {
    const result = await mount(request(place), servers.deps({}, {policy: {loop: 'never'}}));
    assert.equal(result.loopDevice, undefined);
    await unmount(place.target);
  });

  test('a block device, which is then claimed', async () => {
    const backing = openFd(place.image, O_RDONLY);
    const loop = attachLoop(backing.fd, {readOnly: true, directIo: false, autoclear: true});
    backing.close();
    try {
      await mount(request(place, {source: loop.path}), servers.deps({}));
      await assert.rejects(
        mount(request(place, {source: loop.path, target: place.target}), servers.deps({})),
        {code: 'target-busy'},
      );
      const other = join(place.dir, 'other');
      mkdirSync(other);
      await assert.rejects(mount(request(place, {source: loop.path, target: other}), servers.deps({})), {
        code: 'source-busy',
        errno: 16,
      });
      await unmount(place.target);
    } finally {
      loop.device.close();
    }
  });

  test('onto the directory that was looked up, wherever a symbolic link in its place leads', async () => {
    const moved = join(place.dir, 'moved');
    const victim = join(place.dir, 'victim');
    mkdirSync(victim);
    const go = join(place.dir, 'go');
    const mounting = mount(request(place), servers.deps({waitFor: go}));
    await new Promise((resolve) => setTimeout(resolve, 150));
    renameSync(place.target, moved);
    symlinkSync(victim, place.target);
    writeFileSync(go, '');
    const result = await mounting;
    assert.equal(result.target, moved);
    assert.equal(mountAtPath(victim), undefined);
    assert.equal(statSync(victim).ino === 1, false);
    await unmount(moved);
  });

  test('not onto a target that somebody else used meanwhile', async () => {
    const go = join(place.dir, 'go');
    const mounting = mount(request(place), servers.deps({waitFor: go}));
    mounting.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 150));
    mountAt('tmpfs', place.target, 'tmpfs', 0);
    writeFileSync(go, '');
    try {
      await assert.rejects(mounting, {code: 'target-busy', errno: 16});
      assert.equal(mountAtPath(place.target)?.fsType, 'tmpfs');
    } finally {
      umount(place.target);
    }
  });

  test('a loop device with the block size of the file system', async () => {
    const result = await mount(request(place), servers.deps({blockSize: 2048}));
    const device = openFd(result.loopDevice ?? '', O_RDONLY);
    assert.equal(blockSize(device.fd), 2048);
    assert.equal(loopStatus(device.fd).readOnly, true);
    assert.equal(loopStatus(device.fd).autoclear, true);
    device.close();
    await unmount(place.target);
  });

  test('as fuseblk, on the loop device and no other, where policy allows', async () => {
    const deps = servers.deps({fuseblk: true}, {policy: {fuseblk: true}});
    const result = await mount(request(place, {options: ['ro']}), deps);
    const entry = mountAtPath(place.target);
    assert.equal(entry?.fsType, 'fuseblk.fake');
    assert.equal(entry?.source, result.loopDevice);
    assert.deepEqual(await unmount(place.target), {
      target: place.target,
      source: result.loopDevice,
      loopReleased: true,
      serverGone: true,
      elsewhere: false,
    });
  });

  test('iomap: optional never fails, mandatory tells what the kernel said', async () => {
    const result = await mount(request(place), servers.deps({iomap: 'mandatory'}));
    assert.match(
      servers.output,
      result.iomap === 'approved' ? /"iomap":"ok"/ : /"iomap":"(EOPNOTSUPP|EPERM)"/,
    );
    await unmount(place.target);
    const denied = await mount(request(place), servers.deps({iomap: 'optional'}, {policy: {iomap: 'deny'}}));
    assert.equal(denied.iomap, 'not asked');
    assert.match(servers.output, /"iomap":"ok"/);
    await unmount(place.target);
  });

  test('opens nothing but the source for the server, and says so', async () => {
    const log = recordingLog();
    await mount(request(place), servers.deps({alsoOpen: '/etc/shadow'}, {log}));
    assert.match(servers.output, /"alsoOpen":"EACCES"/);
    assert.ok(log.lines.some(({level, values}) => level === 'warn' && values['path'] === '/etc/shadow'));
    await unmount(place.target);
  });

  test('the server alone keeps the image locked: a second mount is busy until the first ends', async () => {
    const other = join(place.dir, 'other');
    mkdirSync(other);
    for (const loop of ['always', 'never'] as const) {
      await mount(request(place), servers.deps({}, {policy: {loop}}));
      await assert.rejects(
        mount(request(place, {target: other}), servers.deps({}, {policy: {loop: 'never'}})),
        {
          message: `can't mount ${place.image}: it is already mounted or in use`,
          errno: 16,
          exitCode: 1,
        },
      );
      await unmount(place.target);
      await mount(request(place, {target: other}), servers.deps({}));
      await unmount(other);
    }
    assert.ok(existsSync(place.image));
  });
});
