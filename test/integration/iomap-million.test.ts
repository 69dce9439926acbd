import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, onTestFinished, test} from 'vitest';
import {O_RDONLY, openFd} from '../../src/sys/fd.js';
import type {Job} from '../support/kernel-sim/host/job.js';
import {SimKernel} from '../support/kernel-sim/kernel.js';
import {resolve} from '../support/kernel-sim/namespace.js';
import {OpenFile} from '../support/kernel-sim/open-file.js';
import {ServerProcess} from '../support/kernel-sim/server-process.js';
import {DATA_BLOCKS, dataBlockOf, EXTENT_BLOCK, makeMillionExtents} from '../support/million-extents.js';
import {Random} from '../support/random.js';

/** One file of a million mappings, none continuing another: what both sides keep stays within bounds, and what is read is right. */

const MAPPINGS = 1_000_000;
/**
 * Reads of one block each, all over the file and in its order: each leads to a mapping in the kernel's cache, which holds 8192. All
 * million with FUSEWARD_MAPPING_READS=1000000, which takes some minutes.
 */
const ASKED = process.env['FUSEWARD_MAPPING_READS'];
const READS = Number(ASKED ?? 8000);
const WARM_UP = 1000;
const MIB = 1 << 20;
/** What a server may take beyond its first answers. */
const MOST_GROWTH = 48 * MIB;
const DATA = new Random(1).bytes(DATA_BLOCKS * EXTENT_BLOCK);

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fuseward-million-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  return join(folder, 'device');
}

/** Mounts, reads the file, and holds memory against its bounds. */
async function walk(job: Job, path: string): Promise<void> {
  const server = await ServerProcess.start();
  try {
    using device = openFd(path, O_RDONLY);
    const kernel = new SimKernel(server.serve(job, [device.fd]), {fileDevices: true});
    try {
      kernel.mount();
      const inode = resolve(kernel, 'big');
      expect(inode.iomap).toBe(true);
      const file = OpenFile.open(kernel, inode);
      const block = Buffer.alloc(EXTENT_BLOCK);
      const check = (at: number): void => {
        const count = file.read(block, at * EXTENT_BLOCK);
        const place = dataBlockOf(at) * EXTENT_BLOCK;
        const same = count === EXTENT_BLOCK && block.equals(DATA.subarray(place, place + EXTENT_BLOCK));
        if (!same) throw new Error(`block ${at} is not what it should be`);
      };
      for (let at = 0; at < WARM_UP; at++) check(at);
      const before = server.memory().now;
      let largest = 0;
      const stride = Math.floor(MAPPINGS / READS);
      for (let i = 0; i < READS; i++) {
        check(i * stride);
        largest = Math.max(largest, inode.cache!.read.bytes);
        if (i % 1000 === 0) inode.pages.reclaim();
      }
      const {now, most} = server.memory();
      const {emptied, read} = inode.cache!;
      console.log(
        `${job.type}: server ${Math.round(before / MIB)} MiB after ${WARM_UP} reads, ${Math.round(now / MIB)} after ${READS} more, ` +
          `at most ${Math.round(most / MIB)}; tree of the kernel at most ${largest} bytes, emptied ${emptied} times`,
      );
      expect(largest).toBe(kernel.cacheLimit);
      expect(emptied).toBeGreaterThan(0);
      expect(read.bytes).toBeLessThanOrEqual(kernel.cacheLimit);
      expect(now - before).toBeLessThan(MOST_GROWTH);
      expect(kernel.faults.lines()).toEqual([]);
      kernel.unmount();
      expect(server.done()).toMatchObject({ended: 'unmounted', errors: []});
    } finally {
      kernel.close();
    }
  } finally {
    await server.stop();
  }
}

const title = ASKED === undefined ? ' (skipped: takes long; set FUSEWARD_MAPPING_READS)' : '';

// Nothing but the conversation needs memory there.
test.skipIf(ASKED === undefined)(
  `a file whose million mappings are computed${title}`,
  {timeout: 1_200_000},
  async () => {
    const path = scratch();
    writeFileSync(path, DATA);
    await walk({type: 'formula', cacheBytes: 0, options: [['mappings', `${MAPPINGS}`]]}, path);
  },
);

test('a file of a million extents on ext4', {timeout: 1_200_000}, async () => {
  const path = scratch();
  makeMillionExtents(path, MAPPINGS, DATA);
  await walk({type: 'ext4', cacheBytes: 8 * MIB}, path);
});
