import {mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {newCacheCounters} from '../../../src/block/index.js';
import {ROOT_INODE, Volume} from '../../../src/ext4/index.js';
import {AttrReply} from '../../../src/fuse/attributes.js';
import {type IomapKernel, MAPPING, MappingPair, NO_ADDRESS} from '../../../src/iomap/index.js';
import {Ext4FileSystem} from '../../../src/server/ext4-file-system.js';
import {cannotMakeImages, MemoryImage} from '../ext4/memory-image.js';

const reason = cannotMakeImages();
const BLOCK = 1024;
const FAR_END = Number.MAX_SAFE_INTEGER - (Number.MAX_SAFE_INTEGER % BLOCK);

const kernel: IomapKernel = {
  attrFlags: 0xc,
  upsert: () => true,
  invalidate: () => {},
  invalidateDevice: () => {},
};

function made(): {image: MemoryImage; volume: Volume} {
  const tree = mkdtempSync(join(tmpdir(), 'fuseward-iomap-'));
  try {
    writeFileSync(join(tree, 'plain'), Buffer.alloc(10 * BLOCK, 7));
    writeFileSync(join(tree, 'sparse'), Buffer.alloc(BLOCK, 8));
    truncateSync(join(tree, 'sparse'), 100 * BLOCK);
    writeFileSync(join(tree, 'inline'), 'inline');
    const image = MemoryImage.make(8, ['-t', 'ext4', '-b', '1024', '-O', 'inline_data', '-I', '256'], tree);
    return {image, volume: Volume.open(image, {cacheLimit: 1 << 20})};
  } finally {
    rmSync(tree, {recursive: true});
  }
}

describe.skipIf(reason !== undefined)(
  `ext4 to a kernel that reads by itself (${reason ?? 'by mke2fs'})`,
  () => {
    const counters = newCacheCounters();
    const {image, volume} = reason === undefined ? made() : ({} as ReturnType<typeof made>);
    const fs = reason === undefined ? new Ext4FileSystem(volume, undefined, counters) : (undefined as never);
    const inoOf = (name: string): number => volume.lookup(ROOT_INODE, Buffer.from(name))!.ino;
    const ask = (name: string, offset: number): MappingPair => {
      const pair = new MappingPair();
      pair.reset(offset, 1);
      fs.mapRange(inoOf(name), offset, 1, 0, pair);
      expect(pair.write.type).toBe(MAPPING.PURE_OVERWRITE);
      return pair;
    };

    test('files have the flags once iomap has begun, and not before', () => {
      const reply = {attr: new AttrReply().attr} as AttrReply;
      fs.getattr(inoOf('plain'), undefined, reply);
      expect(reply.attr.flags).toBe(0);
      fs.iomapStart(kernel);
      for (const [name, flags] of [
        ['plain', 0xc],
        ['inline', 0xc],
        ['lost+found', 0],
      ] as const) {
        fs.getattr(inoOf(name), undefined, reply);
        expect(reply.attr.flags, name).toBe(flags);
      }
    });

    test('data lie where the bytes are', () => {
      const {read} = ask('plain', 3 * BLOCK + 5);
      expect(read).toMatchObject({
        type: MAPPING.MAPPED,
        offset: 3 * BLOCK,
        length: 7 * BLOCK,
        dev: 1,
        flags: 0,
      });
      expect(image.bytes.subarray(read.addr, read.addr + read.length).every((byte) => byte === 7)).toBe(true);
    });

    test('a hole reaches to the end of all offsets, in whole blocks', () => {
      expect(ask('sparse', 0).read).toMatchObject({type: MAPPING.MAPPED, offset: 0, length: BLOCK});
      const hole = {type: MAPPING.HOLE, offset: BLOCK, length: FAR_END - BLOCK, addr: NO_ADDRESS, dev: 0};
      expect(ask('sparse', BLOCK).read).toMatchObject(hole);
      expect(ask('sparse', 5000 * BLOCK).read).toMatchObject(hole);
    });

    test('inline data are the first block, whatever byte of it is asked for, and the rest is a hole', () => {
      const inline = {type: MAPPING.INLINE, offset: 0, length: BLOCK, addr: NO_ADDRESS, dev: 0};
      for (const offset of [0, 5, 6, BLOCK - 1]) expect(ask('inline', offset).read).toMatchObject(inline);
      expect(ask('inline', BLOCK).read).toMatchObject({
        type: MAPPING.HOLE,
        offset: BLOCK,
        length: FAR_END - BLOCK,
      });
    });

    test('what was told once is held, and asked for again after the caches are dropped', () => {
      fs.dropCaches();
      const before = {...counters};
      ask('plain', 0);
      ask('plain', 9 * BLOCK);
      expect(counters.hits - before.hits).toBe(1);
      expect(counters.missesInvalidated - before.missesInvalidated).toBe(1);
      expect(counters.entries).toBe(1);
    });

    test('attr.ino is the inode, for the root as well', () => {
      expect([fs.attrIno(1), fs.attrIno(12)]).toEqual([2, 12]);
    });
  },
);
