import {describe, expect, test} from 'vitest';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import {O_RDONLY, openFd} from '../../../src/sys/fd.js';
import {IOC} from '../../support/kernel-sim/device-calls.js';
import type {KernelOptions} from '../../support/kernel-sim/kernel.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {NOTIFY} from '../../support/kernel-sim/opcodes.js';
import {backingInfo, backingMap, devInval} from '../../support/kernel-sim/structs.js';
import {stage} from './fixture.js';

/** What the ioctls and the notification about a device say. */

function calls(options: KernelOptions = {}) {
  const made = stage(4096, options);
  made.server.files.set('file', {nodeid: 5n, size: 1, mappings: []});
  const ioctl = (request: number, memory: Uint8Array, path?: string): number =>
    made.kernel.calls.handle({
      kind: 'ioctl',
      request,
      memory,
      fd: path === undefined ? undefined : openFd(path, O_RDONLY),
    }).result;
  return {...made, ioctl};
}

const open = (flags = 1, padding = 0n): Uint8Array => backingMap.encode({fd: 3, flags, padding});
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

describe('registering a device', () => {
  test('is refused before iomap is agreed on, with other flags, padding, no descriptor, and for a file', () => {
    const {kernel, ioctl, path} = calls();
    expect(ioctl(IOC.BACKING_OPEN, open(), path)).toBe(-ERRNO.EPERM);
    kernel.start();
    expect(ioctl(IOC.BACKING_OPEN, open(0), path)).toBe(-ERRNO.EINVAL);
    expect(ioctl(IOC.BACKING_OPEN, open(0x101), path)).toBe(-ERRNO.EINVAL);
    expect(ioctl(IOC.BACKING_OPEN, open(1, 1n), path)).toBe(-ERRNO.EINVAL);
    expect(ioctl(IOC.BACKING_OPEN, open())).toBe(-ERRNO.EBADF);
    expect(ioctl(IOC.BACKING_OPEN, open(), path)).toBe(2);
    const strict = calls({fileDevices: false});
    strict.kernel.start();
    expect(strict.ioctl(IOC.BACKING_OPEN, open(), strict.path)).toBe(-ERRNO.ENODEV);
  });

  test('is for as long as the mount, in later kernels for as long as an inode may need it', () => {
    for (const [version, first] of [
      ['v7', -ERRNO.EBUSY],
      ['post-v7', 0],
    ] as const) {
      const {kernel, ioctl} = calls({version});
      kernel.start();
      expect(ioctl(IOC.BACKING_CLOSE, u32(0))).toBe(-ERRNO.EINVAL);
      expect(ioctl(IOC.BACKING_CLOSE, u32(9))).toBe(-ERRNO.ENOENT);
      expect(ioctl(IOC.BACKING_CLOSE, u32(1))).toBe(first);
    }
    const {kernel, ioctl} = calls({version: 'post-v7'});
    kernel.mount();
    resolve(kernel, 'file');
    expect(ioctl(IOC.BACKING_CLOSE, u32(1))).toBe(-ERRNO.EBUSY);
  });

  test('block sizes are powers of two that the device can do', () => {
    const {kernel, ioctl} = calls();
    kernel.start();
    const size = (id: number, blockSize: number): number =>
      ioctl(IOC.SET_BLOCKSIZE, backingInfo.encode({id, blockSize}));
    expect([size(1, 4096), size(1, 256), size(1, 3000), size(1, 131_072), size(7, 4096)]).toEqual([
      0,
      -ERRNO.EINVAL,
      -ERRNO.EINVAL,
      -ERRNO.EINVAL,
      -ERRNO.ENOENT,
    ]);
  });
});

test('numbers of other versions, and all of them without iomap, are ENOTTY', () => {
  const v7 = calls();
  v7.kernel.start();
  expect(v7.ioctl(IOC.SET_BLOCKSIZE_V6, new Uint8Array(8))).toBe(-ERRNO.ENOTTY);
  const v6 = calls({version: 'v6'});
  v6.kernel.start();
  expect(v6.ioctl(IOC.SET_BLOCKSIZE, new Uint8Array(8))).toBe(-ERRNO.ENOTTY);
  expect(v6.ioctl(IOC.SET_BLOCKSIZE_V6, backingInfo.encode({id: 1, blockSize: 4096}))).toBe(0);
  expect(v6.ioctl(IOC.SET_NOFS, u32(1))).toBe(-ERRNO.ENOTTY);
  const none = calls({version: 'none'});
  for (const request of Object.values(IOC))
    expect(none.ioctl(request, new Uint8Array(16))).toBe(-ERRNO.ENOTTY);
});

test('support is told without side effects, and SET_NOFS takes 0 and 1', () => {
  for (const [approved, flags] of [
    [true, 3],
    [false, 0],
  ] as const) {
    const {ioctl} = calls({approved});
    const memory = new Uint8Array(16);
    expect(ioctl(IOC.IOMAP_SUPPORT, memory)).toBe(0);
    expect(memory[0]).toBe(flags);
  }
  const {ioctl} = calls();
  expect([0, 1, 2].map((value) => ioctl(IOC.SET_NOFS, u32(value)))).toEqual([0, 0, -ERRNO.EINVAL]);
});

test('pages of a device are thrown away where there is such a device', () => {
  const {kernel, server} = calls();
  kernel.start();
  const drop = (dev: number, offset: bigint, length: bigint): number =>
    server.notify(NOTIFY.DEV_INVAL, devInval.encode({dev, offset, length}));
  expect(drop(1, 4096n, 8192n)).toBe(40);
  expect(kernel.devices.get(1)!.invalidated).toEqual([{offset: 4096n, length: 8192n}]);
  expect([drop(0, 0n, 1n), drop(9, 0n, 1n), drop(1, 0n, 1n << 40n)]).toEqual([
    -ERRNO.EINVAL,
    -ERRNO.ENODEV,
    -ERRNO.EINVAL,
  ]);
});
