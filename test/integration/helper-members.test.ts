import assert from 'node:assert/strict';
import {mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {DEFAULT_MOUNT_POLICY, type MountPolicy} from '../../src/helper/mount-policy.js';
import {ServedMembers} from '../../src/helper/served-members.js';
import {type OpenedSource, openSource} from '../../src/helper/source.js';
import {silent} from '../../src/service/log.js';
import {errnoOf} from '../../src/sys/errno.js';
import {ERRNO} from '../../src/sys/errno-codes.js';
import {closeAll, O_RDONLY, type OwnedFd, openFd, statFd} from '../../src/sys/fd.js';
import {attachLoop, detachLoop} from '../../src/sys/loop.js';
import {missingForMounts, tracesOf} from './helper-support.js';

const missing = missingForMounts();
let dir: string;
let source: OpenedSource;
let held: OwnedFd[];

function serve(policy: Partial<MountPolicy>, iomapApproved: boolean): ServedMembers {
  const opts = {
    policy: {...DEFAULT_MOUNT_POLICY, directIo: false, ...policy},
    ...{iomapApproved, listed: ['*.img', '/dev/loop*'], rule: undefined},
  };
  return new ServedMembers(source, opts, {log: silent});
}

function open(members: ServedMembers, path: string, tryLoop = true): OwnedFd {
  const fd = members.openFile({path, openFlags: 0, createMode: 0, quiet: false, tryLoop, blockSize: 0});
  held.push(fd);
  return fd;
}

function isDevice(fd: OwnedFd): boolean {
  return (statFd(fd.fd).mode & 0o170000n) === 0o060000n;
}

function loops(): string[] {
  return tracesOf(dir).loops;
}

describe.skipIf(missing !== undefined)(`devices of members${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-members-')));
    for (const name of ['a.img', 'b.img']) writeFileSync(join(dir, name), Buffer.alloc(65_536, name));
    writeFileSync(join(dir, 'fs.json'), '{}');
    source = openSource(join(dir, 'fs.json'));
    held = [];
  });
  afterEach(async () => {
    closeAll(held);
    source.fd.close();
    const free = await eventually(() => loops().length === 0, 30_000);
    rmSync(dir, {recursive: true});
    assert.ok(free, 'a loop device was left behind');
  });

  test('each image gets one where iomap was approved, and the file below it for reading', () => {
    const members = serve({loop: 'always'}, true);
    for (const name of ['a.img', 'b.img']) {
      const path = join(dir, name);
      assert.ok(isDevice(open(members, path)));
      const file = open(members, path, false);
      assert.ok(!isDevice(file));
      assert.equal(readFileSync(`/proc/self/fd/${file.fd}`, 'latin1').slice(0, 5), name);
    }
    const told = members.all.map(({path, loopDevice}) => [path, loopDevice?.replace(/\d+$/, 'N')]);
    assert.deepEqual(told, [
      [join(dir, 'a.img'), '/dev/loopN'],
      [join(dir, 'b.img'), '/dev/loopN'],
    ]);
    assert.equal(loops().length, 2);
    members.close();
    // They are the server's now.
    assert.equal(loops().length, 2);
  });

  test('none gets one without iomap, or where policy forbids it', () => {
    for (const [policy, approved] of [
      [{loop: 'always'}, false],
      [{loop: 'auto'}, false],
      [{loop: 'never'}, true],
    ] as const) {
      const members = serve(policy, approved);
      const fd = open(members, join(dir, 'a.img'));
      assert.ok(!isDevice(fd));
      members.close();
      fd.close();
    }
    assert.deepEqual(loops(), []);
  });

  test('an image that somebody else has behind a loop device is busy', () => {
    using file = openFd(join(dir, 'a.img'), O_RDONLY);
    const {device} = attachLoop(file.fd, {readOnly: true, directIo: false, autoclear: true});
    try {
      const members = serve({}, true);
      const busy = (error: unknown): boolean => errnoOf(error) === ERRNO.EBUSY;
      assert.throws(() => open(members, join(dir, 'a.img')), busy);
      assert.deepEqual(members.all, []);
    } finally {
      detachLoop(device.fd);
      device.close();
    }
  });

  test('those of a mount that failed are gone when that is told', async () => {
    const members = serve({}, true);
    for (const name of ['a.img', 'b.img']) open(members, join(dir, name));
    assert.equal(loops().length, 2);
    closeAll(held.splice(0));
    await members.abandon();
    assert.deepEqual(loops(), []);
  });

  test('a block device is claimed, so that nobody mounts it meanwhile, and is a member once by whatever name', () => {
    using file = openFd(join(dir, 'a.img'), O_RDONLY);
    const {device, path} = attachLoop(file.fd, {readOnly: true, directIo: false, autoclear: true});
    held.push(device);
    const members = serve({}, true);
    assert.ok(isDevice(open(members, path)));
    assert.deepEqual(members.all, [{path}]);
    const other = serve({}, true);
    assert.throws(() => open(other, path), {errno: ERRNO.EBUSY});
    members.close();
  });
});
