import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, onTestFinished, test} from 'vitest';
import {O_RDWR, openFd} from '../../src/sys/fd.js';
import {FORMULA_BLOCK, FORMULA_PLACES, placeOf} from '../support/kernel-sim/host/formula-fs.js';
import {SimKernel} from '../support/kernel-sim/kernel.js';
import {resolve} from '../support/kernel-sim/namespace.js';
import {OpenFile} from '../support/kernel-sim/open-file.js';
import {ServerProcess} from '../support/kernel-sim/server-process.js';
import {Random} from '../support/random.js';

/** One file of a million mappings, none continuing another, walked from end to end: what both sides keep stays within bounds. */

const MAPPINGS = 1_000_000;
/**
 * Reads of one block each, all over the file and in its order: each leads to a mapping in the kernel's cache, which holds 8192. All
 * million with FUSEWARD_MAPPING_READS=1000000, which takes some minutes.
 */
const READS = Number(process.env['FUSEWARD_MAPPING_READS'] ?? 12_000);
const WARM_UP = 1000;
const MIB = 1 << 20;
/** What a server may take beyond its first answers. */
const MOST_GROWTH = 48 * MIB;

test('a file of a million mappings', {timeout: 1_200_000}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fuseward-million-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  const path = join(folder, 'device');
  const data = new Random(1).bytes(FORMULA_PLACES * FORMULA_BLOCK);
  writeFileSync(path, data);
  const server = await ServerProcess.start();
  try {
    using device = openFd(path, O_RDWR);
    const job = {
      type: 'formula',
      cacheBytes: 0,
      options: [['mappings', `${MAPPINGS}`]] as Array<[string, string]>,
    };
    const kernel = new SimKernel(server.serve(job, [device.fd]), {fileDevices: true});
    try {
      kernel.mount();
      const inode = resolve(kernel, 'file');
      const file = OpenFile.open(kernel, inode);
      const block = Buffer.alloc(FORMULA_BLOCK);
      const check = (at: number): void => {
        expect(file.read(block, at * FORMULA_BLOCK)).toBe(FORMULA_BLOCK);
        const place = placeOf(at) * FORMULA_BLOCK;
        expect(block.equals(data.subarray(place, place + FORMULA_BLOCK))).toBe(true);
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
      expect(largest).toBe(kernel.cacheLimit);
      expect(emptied).toBeGreaterThan(0);
      expect(read.bytes).toBeLessThanOrEqual(kernel.cacheLimit);
      expect(now - before).toBeLessThan(MOST_GROWTH);
      expect(kernel.faults.lines()).toEqual([]);
      console.log(
        `a million mappings: server ${Math.round(before / MIB)} MiB, then ${Math.round(now / MIB)}, at most ${Math.round(most / MIB)}; ` +
          `kernel's tree at most ${largest} bytes, emptied ${emptied} times, ${read.size} records at the end`,
      );
      kernel.unmount();
      expect(server.done()).toMatchObject({ended: 'unmounted', errors: []});
    } finally {
      kernel.close();
    }
  } finally {
    await server.stop();
  }
});
