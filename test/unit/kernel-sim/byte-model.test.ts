import {mkdtempSync, readFileSync, readSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, onTestFinished, test} from 'vitest';
import {O_RDWR, openFd} from '../../../src/sys/fd.js';
import {ExtentFs} from '../../support/extent-fs.js';
import {sessionServer} from '../../support/kernel-sim/host/session-server.js';
import {SimKernel} from '../../support/kernel-sim/kernel.js';
import {DirectLink} from '../../support/kernel-sim/link.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {O_DIRECT, OpenFile} from '../../support/kernel-sim/open-file.js';
import {FALLOC, fallocate, truncate} from '../../support/kernel-sim/space.js';
import type {KernelVersion} from '../../support/kernel-sim/version.js';
import {Random} from '../../support/random.js';

/** Random writes, truncations, holes and moves through the simulated kernel and the product's server, against plain bytes. */

const DEVICE = 4 << 20;
const LONGEST = 600_000;
const STEPS = 250;

interface Scene {
  readonly kernel: SimKernel;
  readonly fs: ExtentFs;
  readonly file: OpenFile;
  readonly direct: OpenFile;
  readonly device: () => Buffer;
  readonly problems: string[];
  readonly deviceFd: number;
}

function scene(blockSize: number, version: KernelVersion): Scene {
  const folder = mkdtempSync(join(tmpdir(), 'fuseward-byte-model-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  const path = join(folder, 'device');
  // What was on the device before must never be read.
  writeFileSync(path, Buffer.alloc(DEVICE, 'stale data '));
  const device = openFd(path, O_RDWR);
  onTestFinished(() => device.close());
  const fs = new ExtentFs(DEVICE, {blockSize});
  fs.add('file');
  const wire = version === 'v6' ? 'v6' : 'v7';
  const server = sessionServer(fs, [{fd: device.fd, size: DEVICE}], {version: wire});
  const kernel = new SimKernel(new DirectLink(server.serve), {version, fileDevices: true});
  onTestFinished(() => kernel.close());
  kernel.mount();
  const inode = resolve(kernel, 'file');
  expect(inode.iomap).toBe(true);
  return {
    kernel,
    fs,
    file: OpenFile.open(kernel, inode),
    direct: OpenFile.open(kernel, inode, O_DIRECT),
    device: () => readFileSync(path),
    problems: server.problems,
    deviceFd: device.fd,
  };
}

/** The file that plain bytes make. */
class Model {
  bytes = Buffer.alloc(0);

  write(data: Buffer, pos: number): void {
    this.resize(Math.max(this.bytes.length, pos + data.length));
    data.copy(this.bytes, pos);
  }

  resize(size: number): void {
    const next = Buffer.alloc(size);
    this.bytes.copy(next);
    this.bytes = next;
  }

  zero(pos: number, length: number): void {
    this.bytes.fill(0, Math.min(pos, this.bytes.length), Math.min(pos + length, this.bytes.length));
  }
}

/** One random step on both. @returns it in words */
function step({kernel, fs, file, direct, deviceFd}: Scene, model: Model, random: Random): string {
  const {inode} = file;
  const pos = random.below(LONGEST / 2);
  const length = 1 + random.below(random.pick([100, 5000, 60_000]));
  const bs = fs.iomapVolume.blockSize;
  switch (random.below(11)) {
    case 0:
    case 1:
    case 2: {
      const data = random.bytes(length);
      file.write(data, pos);
      model.write(data, pos);
      return `write ${pos}+${length}`;
    }
    case 3: {
      const start = pos - (pos % bs);
      const data = random.bytes(length - (length % bs) + bs);
      direct.write(data, start);
      model.write(data, start);
      return `direct write ${start}+${data.length}`;
    }
    case 4: {
      const size = random.below(LONGEST / 2);
      truncate(kernel, inode, size);
      model.resize(size);
      return `truncate ${size}`;
    }
    case 5:
      fallocate(kernel, inode, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, pos, length);
      model.zero(pos, length);
      return `punch ${pos}+${length}`;
    case 6: {
      const keep = random.below(2) === 0;
      fallocate(kernel, inode, keep ? FALLOC.KEEP_SIZE : 0, pos, length);
      if (!keep) model.resize(Math.max(model.bytes.length, pos + length));
      return `fallocate ${pos}+${length}${keep ? ' keep' : ''}`;
    }
    case 7:
      file.fsync();
      return 'fsync';
    case 8:
      inode.pages.reclaim();
      return 'reclaim';
    case 9:
      return move(fs, deviceFd, random);
    default:
      inode.pages.reclaim();
      kernel.syncfs();
      inode.pages.reclaim();
      return 'sync and reclaim';
  }
}

const INO = 11;

/** The file system moves one of its extents on its own account. Data in memory stay in memory. */
function move(fs: ExtentFs, deviceFd: number, random: Random): string {
  const extents = fs.extentsOf(INO);
  if (extents.length === 0) return 'nothing to move';
  const index = random.below(extents.length);
  const {blockSize} = fs.iomapVolume;
  fs.move(INO, index, (from, to, count) => {
    const data = Buffer.alloc(count * blockSize);
    readSync(deviceFd, data, 0, data.length, from * blockSize);
    writeSync(deviceFd, data, 0, data.length, to * blockSize);
  });
  return `move extent ${index}`;
}

function compare({file}: Scene, model: Model, what: string): void {
  expect(file.inode.size, what).toBe(model.bytes.length);
  const found = Buffer.alloc(model.bytes.length + 10, 0xee);
  expect(file.read(found, 0), what).toBe(model.bytes.length);
  const same = found.subarray(0, model.bytes.length).equals(model.bytes);
  expect(same, `${what}: first difference at ${same ? -1 : firstDifference(found, model.bytes)}`).toBe(true);
}

function firstDifference(a: Buffer, b: Buffer): number {
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

/** What the extents of the file system say, read from the device without any kernel. */
function onDisk({fs, device}: Scene): Buffer {
  const bytes = device();
  const {blockSize} = fs.iomapVolume;
  const found = Buffer.alloc(fs.sizeOf(INO));
  for (const {at, count, disk, unwritten} of fs.extentsOf(INO)) {
    if (unwritten || at * blockSize >= found.length) continue;
    bytes.copy(found, at * blockSize, disk * blockSize, (disk + count) * blockSize);
  }
  return found;
}

const cases: Array<[version: KernelVersion, blockSize: number, seed: number]> = [
  ['v7', 4096, 1],
  ['v7', 1024, 2],
  ['v7', 512, 3],
  ['v7', 16_384, 4],
  ['post-v7', 4096, 5],
  ['post-v7', 1024, 6],
  ['v6', 4096, 7],
];

test.each(cases)('%s, blocks of %i, seed %i', (version, blockSize, seed) => {
  const made = scene(blockSize, version);
  const model = new Model();
  const random = new Random(seed);
  const steps: string[] = [];
  for (let i = 0; i < STEPS; i++) {
    const before = `step ${i} of seed ${seed}, after ${steps.slice(-8).join(', ')}`;
    try {
      steps.push(step(made, model, random));
    } catch (error) {
      throw new Error(`${before}: ${error}; ${made.problems.join(', ')}`);
    }
    if (i % 5 === 0) compare(made, model, `${before}, ${steps.at(-1)}`);
  }
  made.file.fsync();
  made.file.inode.pages.reclaim();
  compare(made, model, 'after the last write-back');
  expect(onDisk(made).equals(model.bytes)).toBe(true);
  expect(made.kernel.faults.lines()).toEqual([]);
  expect(made.problems).toEqual([]);
  made.kernel.unmount();
  expect(made.fs.events.filter((event) => event !== 'syncfs')).toEqual(['destroy']);
});
