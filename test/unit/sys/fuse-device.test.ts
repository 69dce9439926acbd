import assert from 'node:assert/strict';
import {existsSync, mkdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, test} from 'vitest';
import {closeAll, O_PATH, O_RDONLY, O_RDWR, type OwnedFd, openFd} from '../../../src/sys/fd.js';
import {approveIomap, cloneDevice, enableSyncInit, iomapSupport} from '../../../src/sys/fuse-device.js';
import {kernelFeatures, kernelVersion} from '../../../src/sys/kernel.js';
import {
  fsconfigCreate,
  fsconfigString,
  fsmount,
  fsopen,
  MNT_DETACH,
  moveMount,
  umount,
} from '../../../src/sys/mount.js';
import {mountAtPath} from '../../../src/sys/mount-info.js';
import {fuseConnectionOf} from '../../../src/sys/process.js';
import {isRoot, openDescriptors, scratchDirectory} from './scratch.js';

const fuseTest = test.skipIf(!isRoot || !existsSync('/dev/fuse'));

let directory: string;
let target: string;
let before: string[];
let device: OwnedFd;

beforeEach(() => {
  directory = scratchDirectory();
  target = join(directory, 'target');
  mkdirSync(target);
  before = openDescriptors();
  if (isRoot) device = openFd('/dev/fuse', O_RDWR);
});

afterEach(() => {
  if (mountAtPath(target) !== undefined) umount(target, MNT_DETACH);
  if (isRoot) device.close();
  rmSync(directory, {recursive: true});
  assert.deepEqual(openDescriptors(), before, 'descriptors left open');
});

/** Mounts the device as fuse; nobody answers it, so the tests must not look at the target. */
function mountDevice(): void {
  const context = fsopen('fuse');
  const place = openFd(target, O_PATH);
  fsconfigString(context.fd, 'source', 'test');
  fsconfigString(context.fd, 'fd', String(device.fd));
  fsconfigString(context.fd, 'rootmode', '40000');
  fsconfigString(context.fd, 'user_id', '0');
  fsconfigString(context.fd, 'group_id', '0');
  fsconfigCreate(context.fd);
  const mounted = fsmount(context.fd, 0);
  moveMount(mounted.fd, place.fd);
  closeAll([context, place, mounted]);
}

fuseTest('a second channel of a mounted device (needs root and /dev/fuse)', () => {
  const second = openFd('/dev/fuse', O_RDWR);
  assert.throws(() => cloneDevice(second.fd, device.fd), {
    code: /EPERM|EINVAL/,
    call: 'ioctl(FUSE_DEV_IOC_CLONE)',
  });
  mountDevice();
  cloneDevice(second.fd, device.fd);
  assert.throws(() => cloneDevice(second.fd, device.fd), {code: 'EINVAL'});
  assert.throws(() => cloneDevice(device.fd, 9999), {name: 'Errno'});
  second.close();
});

fuseTest('SYNC_INIT is there since 6.18, and only before the mount (needs root and /dev/fuse)', () => {
  const [major, minor] = kernelVersion();
  const other = openFd('/dev/fuse', O_RDWR);
  assert.equal(enableSyncInit(other.fd), major > 6 || (major === 6 && minor >= 18));
  other.close();
  mountDevice();
  if (major > 6 || (major === 6 && minor >= 18))
    assert.throws(() => enableSyncInit(device.fd), {code: 'EINVAL'});
  else assert.equal(enableSyncInit(device.fd), false);
});

fuseTest('iomap is approved only where the kernel has it (needs root and /dev/fuse)', () => {
  const has = kernelFeatures().fuseIomap;
  const answer = approveIomap(device.fd);
  if (has === undefined) assert.equal(answer, 'unsupported');
  else assert.equal(answer, has ? 'approved' : 'denied');
  assert.equal(iomapSupport(device.fd).fileIo, answer === 'approved');
});

fuseTest('the connection of a mounted device is known from its process (needs root and /dev/fuse)', () => {
  assert.deepEqual(fuseConnectionOf('self'), []);
  mountDevice();
  const found = fuseConnectionOf(process.pid);
  const minor = mountAtPath(target)?.minor;
  const told = readFileSync(`/proc/self/fdinfo/${device.fd}`, 'utf8').includes('fuse_connection');
  assert.deepEqual(found, told ? [minor] : []);
  assert.throws(() => fuseConnectionOf(0x7fffffff), {code: 'ENOENT'});
});

test('another device has none of these', () => {
  const other = openFd('/dev/null', O_RDONLY);
  assert.ok(statSync('/dev/null').isCharacterDevice());
  assert.equal(enableSyncInit(other.fd), false);
  assert.equal(approveIomap(other.fd), 'unsupported');
  assert.deepEqual(iomapSupport(other.fd), {fileIo: false, atomic: false});
  assert.throws(() => cloneDevice(other.fd, other.fd), {code: 'ENOTTY'});
  other.close();
});
