import assert from 'node:assert/strict';
import {existsSync, mkdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, test} from 'vitest';
import {closeAll, O_PATH, O_RDONLY, O_RDWR, type OwnedFd, openFd} from '../../../src/sys/fd.js';
import {
  approveIomap,
  cloneDevice,
  enableSyncInit,
  FuseIomapDevice,
  iomapSupport,
} from '../../../src/sys/fuse-device.js';
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

test('what a server of a mount with iomap asks, byte by byte', () => {
  const asked: Array<[fd: number, request: number, argument: string]> = [];
  const device = new FuseIomapDevice(9, (fd, request, argument) => {
    asked.push([fd, request, Buffer.from(argument as Uint8Array).toString('hex')]);
    return request === 0x4010e501 ? 7 : 0;
  });
  assert.equal(device.registerDevice(30), 7);
  device.setDeviceBlockSize(7, 4096);
  device.setNoFs();
  assert.deepEqual(asked, [
    // fd, flags (type 1), padding
    [9, 0x4010e501, '1e000000010000000000000000000000'],
    // id, block size
    [9, 0x4008e566, '0700000000100000'],
    [9, 0x4004e564, '01000000'],
  ]);
});

test('the block size is set by the number of the 6th posting where the newer one is not known', () => {
  const asked: number[] = [];
  const answering = (answers: Record<number, number>) =>
    new FuseIomapDevice(9, (_fd, request) => {
      asked.push(request);
      return answers[request] ?? -25;
    });
  answering({1074324835: 0}).setDeviceBlockSize(7, 4096);
  assert.deepEqual(asked, [0x4008e566, 0x4008e563]);
  assert.throws(() => answering({}).setDeviceBlockSize(7, 4096), {code: 'ENOTTY'});
  assert.throws(() => answering({1074324838: -22}).setDeviceBlockSize(7, 4096), {code: 'EINVAL'});
  assert.throws(() => answering({1074849025: -1}).registerDevice(3), {
    code: 'EPERM',
    call: 'ioctl(FUSE_DEV_IOC_BACKING_OPEN)',
  });
});

fuseTest('a kernel without iomap registers no device for it (needs root and /dev/fuse)', () => {
  const iomap = new FuseIomapDevice(device.fd);
  assert.throws(() => iomap.registerDevice(device.fd), {name: 'Errno'});
  assert.throws(() => iomap.setDeviceBlockSize(1, 4096), {name: 'Errno'});
  if (kernelFeatures().fuseIomap === undefined) assert.throws(() => iomap.setNoFs(), {code: 'ENOTTY'});
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
