import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {join} from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {FileSource} from '../../../src/block/index.js';
import {crc32c} from '../../../src/ext4/checksum.js';
import {Ext4Error} from '../../../src/ext4/errors.js';
import {decodeRecord, TAG} from '../../../src/ext4/journal/fast-commit/records.js';
import {openJournal} from '../../../src/ext4/journal/location.js';
import {replayJournal} from '../../../src/ext4/journal/replay.js';
import {cannotMount, Workbench} from '../../support/dirty-image.js';
import {layouts, prepare, put, replayed, sync, writeAt} from '../../support/fast-commit.js';
import {generator, memory, readSuperblock, replayImage} from '../../support/journal-patch.js';

const reason = cannotMount();
const bench = reason === undefined ? new Workbench() : undefined;
afterAll(() => bench?.close());

describe.skipIf(reason !== undefined)(
  `fast commits that the kernel gives up, and damaged ones (${reason ?? 'as root'})`,
  () => {
    test('a deleted file that was synced while open is gone, where the kernel gives up', () => {
      const dirty = bench!.dirty(bench!.makeImage('24M', layouts[0]![1]), (mnt) => {
        prepare(mnt, false);
        const fd = openSync(join(mnt, 'base', 'a'), 'r+');
        unlinkSync(join(mnt, 'base', 'a'));
        writeSync(fd, Buffer.alloc(50_000, 1));
        fsyncSync(fd);
        closeSync(fd);
        put(join(mnt, 'base', 'after'), 'after');
      });
      const {sight, complaints} = replayed(bench!, dirty);
      expect(complaints).toEqual([]);
      expect(Object.keys(sight.tree)).not.toContain('./base/a');
      expect(Object.keys(sight.tree)).toContain('./base/after');
    });

    test('an area that is full to its last block is replayed, where the kernel gives up', () => {
      const image = bench!.makeImage('24M', layouts[0]![1]);
      let size = 0;
      const dirty = bench!.dirty(image, (mnt) => {
        prepare(mnt, false);
        for (let i = 0; i < 400 && !areaFull(image); i++) {
          writeAt(join(mnt, 'base', 'a'), Buffer.from('1234'), 20_000 + i * 10);
          size = 20_004 + i * 10;
        }
        expect(areaFull(image)).toBe(true);
      });
      const {sight, records, complaints} = replayed(bench!, dirty);
      expect(complaints).toEqual([]);
      expect(records).toBeGreaterThan(30);
      expect(bench!.recovered(dirty, undefined, 'rw')).toBeUndefined();
      expect(sight.tree['./base/a']).toContain(` ${size} `);
    });

    test('any change to the area ends in an answer or an error of ours', () => {
      const dirty = bench!.dirty(bench!.makeImage('24M', layouts[0]![1]), (mnt) => {
        prepare(mnt, false);
        const base = join(mnt, 'base');
        for (const name of ['n1', 'n2', 'n3']) put(join(base, name), name.repeat(2000));
        linkSync(join(base, 'a'), join(base, 'a2'));
        sync(join(base, 'a2'));
        renameSync(join(base, 'b'), join(base, 'bb'));
        sync(join(base, 'bb'));
        unlinkSync(join(base, 'c'));
        mkdirSync(join(base, 'sub'));
        put(join(base, 'sub', 'x'), 'x'.repeat(3000));
        const fd = openSync(join(base, 'bb'), 'r+');
        ftruncateSync(fd, 3000);
        fsyncSync(fd);
        closeSync(fd);
        for (let i = 0; i < 4; i++) writeAt(join(base, 'a'), Buffer.alloc(1024, i), 20_480 + i * 4096);
      });
      const bytes = readFileSync(dirty);
      const source = memory(bytes);
      const superblock = readSuperblock(source);
      const journal = openJournal(replayImage(source));
      const {fastCommitFirst, blockSize} = journal.superblock;
      const random = generator(4711);
      const clean = replayJournal(source, superblock).report.fastCommitRecords;
      expect(clean).toBeGreaterThan(30);
      let refused = 0;
      let applied = 0;
      for (let round = 0; round < 600; round++) {
        const block = journal.file.locate(fastCommitFirst + random(11)) * blockSize;
        const changed: Array<[position: number, value: number]> = [];
        for (let i = 0; i <= random(3); i++) {
          const position = block + random(random(2) === 0 ? 256 : blockSize);
          changed.push([position, bytes[position]!]);
          bytes[position] = random(2) === 0 ? bytes[position]! ^ (1 << random(8)) : random(256);
        }
        // Half of the rounds with checksums that match, so that the records themselves come into play.
        const sealed = random(2) === 0 ? sealArea(bytes, journal) : [];
        try {
          if (replayJournal(source, superblock).report.fastCommitRecords > 0) applied++;
        } catch (error) {
          if (!(error instanceof Ext4Error)) throw error;
          refused++;
        }
        for (const [position, value] of sealed.reverse()) bytes[position] = value;
        for (const [position, value] of changed.reverse()) bytes[position] = value;
      }
      expect(refused).toBeGreaterThan(10);
      expect(applied).toBeGreaterThan(10);
      expect(replayJournal(source, superblock).report.fastCommitRecords).toBe(clean);
    });
  },
);

/** Whether the last block for fast commits was written to, which mkfs left as zeros. */
function areaFull(image: string): boolean {
  const fd = openSync(image, 'r');
  try {
    const {file, superblock} = openJournal(replayImage(new FileSource(fd)));
    return file.read(superblock.fastCommitEnd - 1)[0] !== 0;
  } finally {
    closeSync(fd);
  }
}

/** Computes the checksums of the area's TAIL records anew. @returns what was there before */
function sealArea(
  bytes: Buffer,
  journal: ReturnType<typeof openJournal>,
): Array<[position: number, value: number]> {
  const before: Array<[position: number, value: number]> = [];
  const {fastCommitFirst, fastCommitEnd, blockSize} = journal.superblock;
  let checksum = 0;
  for (let index = fastCommitFirst; index < fastCommitEnd; index++) {
    const start = journal.file.locate(index) * blockSize;
    const block = bytes.subarray(start, start + blockSize);
    for (let offset = 0; offset + 4 <= blockSize; ) {
      const record = decodeRecord(block, offset, 256);
      if (record === undefined) return before;
      if (record.tag === TAG.tail) {
        checksum = crc32c(checksum, record.whole, 0, 8);
        const position = start + offset + 8;
        for (let i = 0; i < 4; i++) before.push([position + i, bytes[position + i]!]);
        bytes.writeUInt32LE(checksum, position);
        checksum = 0;
      } else {
        checksum = crc32c(checksum, record.whole);
      }
      offset += record.whole.length;
    }
  }
  return before;
}
