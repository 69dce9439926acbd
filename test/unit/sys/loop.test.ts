import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, test} from 'vitest';
import {eventually} from '../../../src/helper/cleanup.js';
import {blockSize, deviceSize, logicalSectorSize, setBlockSize} from '../../../src/sys/block-device.js';
import {O_EXCL, O_RDONLY, O_RDWR, type OwnedFd, openFd, statFd} from '../../../src/sys/fd.js';
import {attachLoop, detachLoop, type LoopDevice, loopDevicesOf, loopStatus} from '../../../src/sys/loop.js';
import {isRoot, openDescriptors, scratchDirectory} from './scratch.js';

const loopTest = test.skipIf(!isRoot || !existsSync('/dev/loop-control'));
const SIZE = 1 << 20;
const RELEASE_MS = 2_000;

let directory: string;
let path: string;
let before: string[];
let backing: OwnedFd;
let attached: LoopDevice[];

beforeEach(() => {
  directory = scratchDirectory();
  path = join(directory, 'image');
  writeFileSync(path, 'content of the image');
  truncateSync(path, SIZE);
  before = openDescriptors();
  backing = openFd(path, O_RDWR);
  attached = [];
});

afterEach(async () => {
  const {dev, ino} = statFd(backing.fd);
  for (const {device} of attached) device.close();
  // Who lists the devices of this machine at that moment has it open for as long, and the last close frees it.
  await eventually(() => loopDevicesOf(dev, ino).length === 0, RELEASE_MS);
  const left = loopDevicesOf(dev, ino);
  for (const device of left) execFileSync('losetup', ['-d', device]);
  backing.close();
  rmSync(directory, {recursive: true});
  assert.deepEqual(left, [], 'loop devices left');
  assert.deepEqual(openDescriptors(), before, 'descriptors left open');
});

function attach(opts: Partial<Parameters<typeof attachLoop>[1]> = {}): LoopDevice {
  const loop = attachLoop(backing.fd, {readOnly: true, directIo: false, autoclear: true, ...opts});
  attached.push(loop);
  return loop;
}

/** What util-linux says of the device, by another way than ours. */
function losetup(device: string): Record<string, unknown> {
  const columns = 'NAME,RO,AUTOCLEAR,DIO,BACK-INO,BACK-FILE,LOG-SEC,OFFSET,SIZELIMIT';
  const out = execFileSync('losetup', ['--json', '--list', '--output', columns, device], {encoding: 'utf8'});
  return JSON.parse(out).loopdevices[0];
}

/** Zeros over the first sector. */
function writeToDevice(device: string): void {
  const fd = openSync(device, 'r+');
  try {
    writeSync(fd, new Uint8Array(512));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

loopTest('a read-only, self-clearing device (needs root and loop)', () => {
  const {device, path: name, number} = attach({fileName: 'the image'});
  const {ino, dev} = statFd(backing.fd);
  const status = loopStatus(device.fd);
  assert.deepEqual(status, {
    device: dev,
    inode: ino,
    offset: 0n,
    sizeLimit: 0n,
    number,
    readOnly: true,
    autoclear: true,
    directIo: false,
    fileName: 'the image',
  });
  const seen = losetup(name);
  assert.deepEqual(
    [seen['ro'], seen['autoclear'], seen['dio'], seen['back-ino'], seen['back-file']],
    [true, true, false, Number(ino), path],
  );
  const content = Buffer.alloc(20);
  readSync(device.fd, content);
  assert.equal(content.toString(), 'content of the image');
  assert.throws(() => writeToDevice(name), {code: 'EPERM'});
});

loopTest('the device clears itself with its last descriptor (needs root and loop)', () => {
  const {device, path: name} = attach();
  const {dev, ino} = statFd(backing.fd);
  assert.deepEqual(loopDevicesOf(dev, ino), [name]);
  const copy = device.dup();
  device.close();
  assert.deepEqual(loopDevicesOf(dev, ino), [name], 'a descriptor is left');
  copy.close();
  assert.deepEqual(loopDevicesOf(dev, ino), []);
});

loopTest('a device that stays is detached by hand (needs root and loop)', () => {
  const {device, path: name} = attach({autoclear: false, readOnly: false});
  const {dev, ino} = statFd(backing.fd);
  assert.deepEqual([loopStatus(device.fd).autoclear, loopStatus(device.fd).readOnly], [false, false]);
  const again = device.dup();
  device.close();
  assert.deepEqual(loopDevicesOf(dev, ino), [name]);
  detachLoop(again.fd);
  again.close();
  assert.deepEqual(loopDevicesOf(dev, ino), []);
});

loopTest('writes through a writable device reach the file (needs root and loop)', () => {
  const {path: name} = attach({readOnly: false});
  assert.equal(losetup(name)['ro'], false);
  writeToDevice(name);
  const fd = openSync(path, 'r');
  const head = Buffer.alloc(8, 1);
  readSync(fd, head);
  closeSync(fd);
  assert.deepEqual(head, Buffer.alloc(8));
});

for (const size of [512, 1024, 4096]) {
  loopTest(`a logical block of ${size} bytes (needs root and loop)`, () => {
    const {device, path: name} = attach({blockSize: size});
    assert.equal(logicalSectorSize(device.fd), size);
    assert.equal(Number(losetup(name)['log-sec']), size);
    assert.equal(deviceSize(device.fd), SIZE);
  });
}

loopTest('a logical block size that can not be is EINVAL and leaves nothing (needs root and loop)', () => {
  for (const size of [1, 300, 513, 3072, 1 << 30]) {
    assert.throws(() => attach({blockSize: size}), {code: 'EINVAL', call: 'ioctl(LOOP_CONFIGURE)'});
  }
});

loopTest('a file can be behind two devices, and both are found (needs root and loop)', () => {
  const names = [attach().path, attach().path];
  assert.notEqual(names[0], names[1]);
  const {dev, ino} = statFd(backing.fd);
  assert.deepEqual(loopDevicesOf(dev, ino).sort(), names.sort());
  assert.deepEqual(loopDevicesOf(dev, ino + 1n), []);
});

loopTest('a long name is cut to 63 bytes (needs root and loop)', () => {
  const {device} = attach({fileName: 'n'.repeat(100)});
  assert.equal(loopStatus(device.fd).fileName, 'n'.repeat(63));
});

loopTest('what is no loop device, or an empty one, says so (needs root and loop)', () => {
  assert.throws(() => loopStatus(backing.fd), {code: 'ENOTTY', call: 'ioctl(LOOP_GET_STATUS64)'});
  const {device} = attach({autoclear: false});
  detachLoop(device.fd);
  // With one descriptor left the kernel detaches at its close, or at once on older versions.
  assert.throws(() => attachLoop(9999, {readOnly: true, directIo: false, autoclear: true}), {code: 'EBADF'});
});

loopTest('direct I/O is used where the file can, and asking never fails (needs root and loop)', () => {
  const {device, path: name} = attach({directIo: true, blockSize: 4096});
  assert.equal(loopStatus(device.fd).directIo, losetup(name)['dio']);
});

loopTest('the block size of the device cache is set and read back (needs root and loop)', () => {
  const {device, path: name} = attach();
  for (const size of [1024, 512, 4096, 2048]) {
    setBlockSize(device.fd, size);
    assert.equal(blockSize(device.fd), size);
    assert.equal(execFileSync('blockdev', ['--getbsz', name], {encoding: 'utf8'}).trim(), String(size));
  }
  for (const size of [0, -1, 1, 500, 3000, 1.5, 2 ** 31]) {
    assert.throws(() => setBlockSize(device.fd, size), {code: 'EINVAL', call: 'ioctl(BLKBSZSET)'});
  }
  assert.equal(blockSize(device.fd), 2048, 'the last good one');
});

loopTest(
  'a claimed device refuses other claims, and another block size from outside (needs root and loop)',
  () => {
    const {path: name} = attach();
    const claim = openFd(name, O_RDONLY | O_EXCL);
    assert.throws(() => openFd(name, O_RDONLY | O_EXCL), {code: 'EBUSY', object: name});
    const other = openFd(name, O_RDONLY);
    assert.throws(() => setBlockSize(other.fd, 1024), {code: 'EBUSY'});
    other.close();
    claim.close();
  },
);

test('a file has no block device ioctls', () => {
  for (const ask of [blockSize, deviceSize, logicalSectorSize]) {
    assert.throws(() => ask(backing.fd), {code: 'ENOTTY', object: `fd ${backing.fd}`});
  }
  assert.throws(() => setBlockSize(backing.fd, 1024), {name: 'Errno'});
});
