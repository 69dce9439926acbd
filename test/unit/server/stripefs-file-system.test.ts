import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import {AttrReply, EntryReply} from '../../../src/fuse/index.js';
import {type IomapKernel, MAPPING, MappingPair} from '../../../src/iomap/index.js';
import {StripefsFileSystem} from '../../../src/server/stripefs-file-system.js';
import {decodeSuperblock, Volume} from '../../../src/stripefs/index.js';
import {Random} from '../../support/random.js';
import {bytesOf, directory, document, file, type Json, OWNER} from '../../support/stripefs/document.js';

const MEMBER_BYTES = 1 << 20;
const members = [1, 2].map((seed) => new Random(seed).bytes(MEMBER_BYTES));
const striped = (length: number, ...offsets: number[]): Json => ({
  type: 'striped',
  length,
  chunk: 2048,
  strips: offsets.map((offset, member) => ({member, offset})),
});
const hole = (length: number): Json => ({type: 'hole', length});

function mount(): StripefsFileSystem {
  const superblock = decodeSuperblock(
    bytesOf(
      document([
        file('striped', 99_999, [striped(100_352, 4096, 512)]),
        file('mixed', 9000, [
          {type: 'linear', length: 1024, member: 1, offset: 524_288},
          hole(512),
          hole(1024),
          striped(5120, 262_144, 262_144),
          hole(1024),
          hole(512),
        ]),
        file('empty', 0, []),
        directory('d', [{name: 'l', type: 'symlink', ...OWNER, target: '../mixed'}, directory('e', [])]),
      ]),
    ),
  );
  const sources = members.map((bytes) => ({
    size: bytes.length,
    read(target: Uint8Array, at: number, length: number, position: number) {
      target.set(bytes.subarray(position, position + length), at);
      return length;
    },
  }));
  return new StripefsFileSystem(
    Volume.open(
      superblock,
      new Map([
        ['a.img', sources[0]!],
        ['b.img', sources[1]!],
      ]),
    ),
  );
}

/** The file's content by its mappings alone, as a kernel with iomap reads it. */
function readByMappings(fs: StripefsFileSystem, ino: number, size: number): {bytes: Buffer; asked: number} {
  const bytes = Buffer.alloc(size, 0xee);
  const pair = new MappingPair();
  let asked = 0;
  for (let offset = 0; offset < size; offset = pair.read.end) {
    const length = Math.max(512, size - offset);
    pair.reset(offset, length);
    fs.mapRange(ino, offset, length, 0, pair);
    asked++;
    const {read, write} = pair;
    assert.ok(read.covers(offset) && read.offset % 512 === 0 && read.length % 512 === 0 && read.length > 0);
    assert.equal(write.type, MAPPING.PURE_OVERWRITE);
    const end = Math.min(read.end, size);
    if (read.type === MAPPING.HOLE) {
      bytes.fill(0, read.offset, end);
      continue;
    }
    assert.equal(read.type, MAPPING.MAPPED);
    assert.ok(read.addr % 512 === 0 && read.addr + read.length <= MEMBER_BYTES);
    members[read.dev - 1]!.copy(bytes, read.offset, read.addr, read.addr + end - read.offset);
  }
  return {bytes, asked};
}

describe('stripefs', () => {
  test('answers mappings under which lie the bytes that reading gives', () => {
    const fs = mount();
    for (const [ino, size, mappings] of [
      [2, 99_999, 49],
      [3, 9000, 6],
    ] as const) {
      const bytes = Buffer.alloc(size);
      assert.equal(fs.read(ino, 0, 0, bytes), size);
      const mapped = readByMappings(fs, ino, size);
      assert.ok(mapped.bytes.equals(bytes));
      assert.equal(mapped.asked, mappings);
    }
  });

  test('answers from any place: the whole block, to the end of the chunk, and holes as long as they reach', () => {
    const fs = mount();
    const at = (ino: number, offset: number): unknown[] => {
      const pair = new MappingPair();
      pair.reset(offset, 1);
      fs.mapRange(ino, offset, 1, 0, pair);
      const {type, offset: start, length, addr, dev} = pair.read;
      return [type, start, length, addr, dev];
    };
    const most = fs.iomapVolume.maxBytes!;
    assert.deepEqual(at(2, 2047), [MAPPING.MAPPED, 1536, 512, 4096 + 1536, 1]);
    assert.deepEqual(at(2, 2048), [MAPPING.MAPPED, 2048, 2048, 512, 2]);
    assert.deepEqual(at(2, 5000), [MAPPING.MAPPED, 4608, 1536, 4096 + 2048 + 512, 1]);
    assert.deepEqual(at(3, 1100), [MAPPING.HOLE, 1024, 1536, -1, 0]);
    assert.deepEqual(at(3, 8000), [MAPPING.HOLE, 7680, most - 7680, -1, 0]);
    assert.deepEqual(at(3, 2 ** 50 + 1), [MAPPING.HOLE, 2 ** 50, most - 2 ** 50, -1, 0]);
    assert.deepEqual(at(4, 0), [MAPPING.HOLE, 0, most, -1, 0]);
    assert.throws(() => at(1, 0), {errno: 'EISDIR'});
    assert.throws(() => at(99, 0), {errno: 'ESTALE'});
  });

  test('marks files alone for iomap, and only where a kernel has it', () => {
    const fs = mount();
    const flagsOf = (ino: number): number => {
      const reply = new AttrReply();
      fs.getattr(ino, undefined, reply);
      return reply.attr.flags;
    };
    assert.equal(flagsOf(2), 0);
    fs.iomapStart({attrFlags: 12} as IomapKernel);
    assert.deepEqual([1, 2, 4, 5, 6].map(flagsOf), [0, 12, 12, 0, 0]);
    fs.destroy();
    assert.equal(flagsOf(2), 0);
  });

  test('finds names and tells what they are', () => {
    const fs = mount();
    const find = (parent: number, name: string): [number, string, number, number] => {
      const entry = new EntryReply();
      fs.lookup(parent, Buffer.from(name), entry);
      const {mode, nlink, blocks} = entry.attr;
      return [entry.nodeid, mode.toString(8), nlink, blocks];
    };
    assert.deepEqual(find(1, 'd'), [5, '40755', 3, 0]);
    assert.deepEqual(find(5, 'l'), [6, '120644', 1, 0]);
    assert.deepEqual(find(1, 'mixed'), [3, '100644', 1, 12]);
    assert.equal(find(1, 'absent')[0], 0);
    assert.equal(find(5, '.')[0], 5);
    assert.throws(() => find(2, 'x'), {errno: 'ENOTDIR'});
    assert.equal(Buffer.from(fs.readlink(6)).toString(), '../mixed');
    assert.throws(() => fs.readlink(2), {errno: 'EINVAL'});
  });
});
