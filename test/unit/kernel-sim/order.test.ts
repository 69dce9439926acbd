import {mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, onTestFinished, test} from 'vitest';
import {O_RDWR, openFd} from '../../../src/sys/fd.js';
import {ExtentFs} from '../../support/extent-fs.js';
import {IOEND} from '../../support/kernel-sim/bits.js';
import {sessionServer} from '../../support/kernel-sim/host/session-server.js';
import {ioend} from '../../support/kernel-sim/ioend.js';
import {SimKernel} from '../../support/kernel-sim/kernel.js';
import {DirectLink} from '../../support/kernel-sim/link.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {O_DIRECT, OpenFile} from '../../support/kernel-sim/open-file.js';
import {swapExtents} from '../../support/kernel-sim/reports.js';
import {FALLOC, fallocate, truncate} from '../../support/kernel-sim/space.js';
import {inWords} from './fixture.js';

/** Which requests an action of a user leads to, in which order: the table of the protocol, carried out on the product's server. */

const DEVICE = 1 << 20;
const W = IOEND.WRITEBACK;
const U = IOEND.UNWRITTEN;
const A = IOEND.APPEND;
const D = IOEND.DIRECT;

function scene() {
  const folder = mkdtempSync(join(tmpdir(), 'fuseward-order-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  const path = join(folder, 'device');
  writeFileSync(path, '');
  truncateSync(path, DEVICE);
  const device = openFd(path, O_RDWR);
  onTestFinished(() => device.close());
  const fs = new ExtentFs(DEVICE);
  fs.add('file');
  fs.add('inline', {inline: Buffer.from('inside the inode')});
  const server = sessionServer(fs, [{fd: device.fd, size: DEVICE}]);
  const kernel = new SimKernel(new DirectLink(server.serve), {fileDevices: true});
  onTestFinished(() => kernel.close());
  kernel.mount();
  const inode = resolve(kernel, 'file');
  const file = OpenFile.open(kernel, inode);
  const words = (action: () => void): string[] => kernel.during(action).map(inWords);
  return {kernel, fs, inode, file, words, problems: server.problems};
}

test('a buffered write asks for blocks, and tells of them when it is written back', () => {
  const {file, words, kernel} = scene();
  expect(words(() => file.write(Buffer.alloc(5000, 1), 0))).toEqual([
    'BEGIN WRITE 0+5000',
    'END WRITE 0+5000',
  ]);
  expect(words(() => file.fsync())).toEqual(['BEGIN WRITEBACK 0+8192', `IOEND ${W | U | A} 0+5000`, 'FSYNC']);
  // Written and inside the file: no more to tell.
  expect(words(() => file.write(Buffer.alloc(10, 2), 100))).toEqual(['BEGIN WRITE 100+10']);
  expect(words(() => file.fsync()).filter((word) => word !== 'FSYNC')).toEqual([]);
  expect(kernel.faults.lines()).toEqual([]);
});

test('a write past the end zeroes the gap first', () => {
  const {file, words} = scene();
  expect(words(() => file.write(Buffer.alloc(10, 1), 9000))).toEqual([
    'BEGIN ZERO 0+9000',
    'BEGIN WRITE 9000+10',
    'END WRITE 9000+10',
  ]);
});

test('a direct write goes to the device before it is told of', () => {
  const {kernel, inode, words} = scene();
  const direct = OpenFile.open(kernel, inode, O_DIRECT);
  expect(words(() => direct.write(Buffer.alloc(8192, 3), 0))).toEqual([
    'BEGIN WRITE+DIRECT 0+8192',
    `IOEND ${D | U | A} 0+8192`,
  ]);
  expect(words(() => direct.write(Buffer.alloc(4096, 4), 4096)).at(-1)).toBe('BEGIN WRITE+DIRECT 4096+4096');
});

test('truncate writes back before SETATTR; the cache forgets what is behind', () => {
  const {kernel, file, inode, words} = scene();
  file.write(Buffer.alloc(20_000, 1), 0);
  const sent = words(() => truncate(kernel, inode, 5000));
  expect(sent[0]).toBe('BEGIN ZERO 5000+3192');
  expect(sent.slice(-2)).toEqual([`IOEND ${W | U | A} 0+5000`, 'SETATTR']);
  expect(inode.cache?.lookup(8192n, 0)).toBeUndefined();
  expect(words(() => truncate(kernel, inode, 30_000)).at(0)).toBe('BEGIN ZERO 5000+25000');
});

test('fallocate writes back, asks the server, forgets, and zeroes parts of blocks', () => {
  const {kernel, file, inode, words} = scene();
  file.write(Buffer.alloc(20_000, 1), 0);
  const sent = words(() => fallocate(kernel, inode, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, 1000, 10_000));
  const at = sent.indexOf('FALLOCATE');
  expect(sent.slice(0, at).every((word) => /WRITEBACK|IOEND/.test(word))).toBe(true);
  expect(sent[at + 1]).toBe('BEGIN ZERO 1000+10000');
  expect(words(() => fallocate(kernel, inode, 0, 0, 60_000)).at(-1)).toBe('FALLOCATE');
  expect(inode.size).toBe(60_000);
});

test('swapon looks at all of the file and swapoff is told', () => {
  const {kernel, inode, words} = scene();
  fallocate(kernel, inode, 0, 0, 16_384);
  expect(words(() => swapExtents(kernel, inode))).toEqual(['BEGIN REPORT+SWAPFILE 0+16384']);
  const off = {flags: IOEND.SWAPOFF, error: 0, pos: 0, written: 0};
  expect(words(() => ioend(kernel, inode, off))).toEqual(['IOEND 64 0+0']);
});

test('inline data travel by READ and WRITE', () => {
  const {kernel, words} = scene();
  const file = OpenFile.open(kernel, resolve(kernel, 'inline'));
  const text = Buffer.alloc(16);
  expect(words(() => file.read(text, 0))).toEqual(['BEGIN read 0+4096', 'READ']);
  expect(text.toString()).toBe('inside the inode');
  expect(words(() => file.write(Buffer.from('INSIDE'), 0)).slice(-1)).toEqual(['WRITE']);
  file.read(text, 0);
  expect(text.toString()).toBe('INSIDE the inode');
});

test('freeze after a sync, thaw, syncfs, and at the end DESTROY after all else', () => {
  const {kernel, file, fs, words} = scene();
  file.write(Buffer.alloc(100, 1), 0);
  const frozen = words(() => kernel.freeze());
  expect(frozen.slice(-3)).toEqual([`IOEND ${W | U | A} 0+100`, 'SYNCFS', 'FREEZE_FS']);
  expect(words(() => kernel.thaw())).toEqual(['UNFREEZE_FS']);
  file.write(Buffer.alloc(100, 2), 0);
  expect(words(() => kernel.unmount()).slice(-2)).toEqual(['SYNCFS', 'DESTROY']);
  expect(fs.events).toEqual(['syncfs', 'freeze 0', 'thaw', 'syncfs', 'destroy']);
});

test('a shutdown is told, and every request afterwards is EIO', () => {
  const {kernel, file, inode, fs, words} = scene();
  file.write(Buffer.alloc(5000, 1), 0);
  expect(words(() => kernel.shutdown())).toEqual(['SHUTDOWN_FS']);
  expect(fs.events).toEqual(['shutdown']);
  expect(() => file.fsync()).toThrow('EIO');
  expect(() => truncate(kernel, inode, 0)).toThrow('EIO');
});

test('a device that fails is the user’s error, and the server is told', () => {
  const {kernel, file, fs, inode, words} = scene();
  file.write(Buffer.alloc(5000, 1), 0);
  kernel.devices.gone = true;
  let code = '';
  const sent = words(() => {
    try {
      file.fsync();
    } catch (error) {
      ({code} = error as {code: string});
    }
  });
  expect(code).toBe('EIO');
  expect(sent.at(-1)).toBe(`IOEND ${W | U | A} 0+5000`);
  // Nothing was converted, so the stale bytes of the device are never shown.
  expect(fs.extentsOf(11).every(({unwritten}) => unwritten)).toBe(true);
  expect(fs.sizeOf(11)).toBe(0);
  expect(inode.diskSize).toBe(0);
});
