import {closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {FileSource} from '../../../src/block/index.js';
import {Ext4Error} from '../../../src/ext4/errors.js';
import {openJournal} from '../../../src/ext4/journal/location.js';
import {replayJournal} from '../../../src/ext4/journal/replay.js';
import {journalSuperblock as at, commitHeader} from '../../../src/ext4/journal/structs.js';
import {cannotMount, commit, run, Workbench} from '../../support/dirty-image.js';
import {
  generator,
  JournalPatch,
  memory,
  outcomes,
  readSuperblock,
  replayImage,
} from '../../support/journal-patch.js';

const reason = cannotMount();
const bench = reason === undefined ? new Workbench() : undefined;
afterAll(() => bench?.close());

const DESCRIPTOR = 1;
const COMMIT = 2;
const REVOKE = 5;

/** Four transactions; the third revokes blocks. */
function fill(mnt: string): void {
  for (let i = 0; i < 10; i++) {
    mkdirSync(join(mnt, `d${i}`));
    writeFileSync(join(mnt, `d${i}`, 'f'), 'x'.repeat(i * 100));
  }
  commit(mnt);
  for (let i = 0; i < 20; i++) writeFileSync(join(mnt, `f${i}`), 'y'.repeat(i * 300));
  commit(mnt);
  for (let i = 0; i < 10; i += 2) rmSync(join(mnt, `d${i}`), {recursive: true});
  commit(mnt);
  writeFileSync(join(mnt, 'last'), 'last');
  commit(mnt);
}

type Kind = 'v3' | 'none' | 'v1' | 'async' | 'v1 async';
const kinds: Record<Kind, {mkfs: string[]; options: string}> = {
  v3: {mkfs: ['-b', '1024'], options: 'rw,nodelalloc'},
  none: {mkfs: ['-b', '1024', '-O', '^metadata_csum,^64bit'], options: 'rw,nodelalloc'},
  v1: {mkfs: ['-b', '1024', '-O', '^metadata_csum'], options: 'rw,nodelalloc,journal_checksum'},
  async: {mkfs: ['-b', '1024'], options: 'rw,nodelalloc,data=writeback,journal_async_commit'},
  'v1 async': {
    mkfs: ['-b', '1024', '-O', '^metadata_csum'],
    options: 'rw,nodelalloc,data=writeback,journal_async_commit',
  },
};
const images = {} as Record<Kind, string>;

type Row = [what: string, kinds: Kind[], damage: (journal: JournalPatch) => void];
const ALL: Kind[] = ['v3', 'none', 'v1', 'async', 'v1 async'];
const flip = (offset: number) => (_view: DataView, bytes: Uint8Array) => {
  bytes[offset]! ^= 0x40;
};
const word = (offset: number, value: number) => (view: DataView) => view.setUint32(offset, value);

const rows: Row[] = [
  ['nothing changed', ALL, () => {}],
  [
    'descriptor of the second transaction without magic',
    ALL,
    (j) => j.edit(j.nth(DESCRIPTOR, 1), word(0, 0)),
  ],
  [
    'descriptor of the second transaction of an unknown type',
    ALL,
    (j) => j.edit(j.nth(DESCRIPTOR, 1), word(4, 9)),
  ],
  [
    'descriptor of the second transaction with another sequence',
    ALL,
    (j) => j.edit(j.nth(DESCRIPTOR, 1), word(8, 77)),
  ],
  ['no commit block at the end', ALL, (j) => j.edit(j.nth(COMMIT, -1), word(0, 0))],
  ['no commit block in the middle', ALL, (j) => j.edit(j.nth(COMMIT, 1), word(0, 0))],
  ['commit block with another sequence', ALL, (j) => j.edit(j.nth(COMMIT, -1), word(8, 1))],
  [
    'descriptor checksum, last transaction',
    ['v3', 'async'],
    (j) => j.edit(j.nth(DESCRIPTOR, -1), flip(1023), false),
  ],
  [
    'descriptor checksum, first transaction',
    ['v3', 'async'],
    (j) => j.edit(j.nth(DESCRIPTOR, 0), flip(1023), false),
  ],
  [
    'descriptor checksum of an older time',
    ['v3', 'async'],
    (j) => {
      j.edit(j.nth(DESCRIPTOR, -1), flip(1023), false);
      j.edit(j.nth(COMMIT, -1), word(commitHeader.at.seconds + 4, 5));
    },
  ],
  [
    'commit checksum, last transaction',
    ALL,
    (j) => j.edit(j.nth(COMMIT, -1), flip(commitHeader.at.checksum), false),
  ],
  [
    'commit checksum, second transaction',
    ALL,
    (j) => j.edit(j.nth(COMMIT, 1), flip(commitHeader.at.checksum), false),
  ],
  [
    'commit checksum of an older time',
    ALL,
    (j) =>
      j.edit(
        j.nth(COMMIT, -1),
        (view) => {
          view.setUint32(commitHeader.at.checksum, 123);
          view.setUint32(commitHeader.at.seconds + 4, 5);
        },
        false,
      ),
  ],
  [
    'commit block with a tail of garbage',
    ALL,
    (j) => j.edit(j.nth(COMMIT, -1), (_view, bytes) => bytes.fill(7, 100), false),
  ],
  [
    'commit block without checksum',
    ['v1', 'v1 async'],
    (j) => j.edit(j.nth(COMMIT, -1), (_view, bytes) => bytes.fill(0, 12, 20)),
  ],
  ['commit checksum of another type', ['v1', 'v1 async'], (j) => j.edit(j.nth(COMMIT, -1), flip(12))],
  ['a copy changed, last transaction', ALL, (j) => j.edit(j.nth(DESCRIPTOR, -1) + 2, flip(900), false)],
  ['a copy changed, first transaction', ALL, (j) => j.edit(j.nth(DESCRIPTOR, 0) + 2, flip(900), false)],
  ['revoke block checksum', ['v3', 'async'], (j) => j.edit(j.nth(REVOKE, 0), flip(1023), false)],
  ['revoke block with too many records', ALL, (j) => j.edit(j.nth(REVOKE, 0), word(12, 4000))],
  ['revoke block with as many bytes as fit', ALL, (j) => j.edit(j.nth(REVOKE, 0), word(12, 1020))],
  ['revoke block without records', ALL, (j) => j.edit(j.nth(REVOKE, 0), word(12, 0))],
  [
    'descriptor that ends after its first tag',
    ['v3', 'none'],
    (j) => j.edit(j.nth(DESCRIPTOR, 1), (view) => view.setUint16(18, 8)),
  ],
  ['superblock: magic', ['v3'], (j) => j.edit(0, word(at.at.magic, 1))],
  ['superblock: type', ['v3'], (j) => j.edit(0, word(at.at.blockType, 5))],
  ['superblock: version 1', ['none'], (j) => j.edit(0, word(at.at.blockType, 3))],
  ['superblock: block size', ['v3'], (j) => j.edit(0, word(at.at.blockSize, 4096))],
  ['superblock: longer than its file', ['v3', 'none'], (j) => j.edit(0, word(at.at.maxLength, 40_000))],
  ['superblock: shorter than allowed', ['v3', 'none'], (j) => j.edit(0, word(at.at.maxLength, 1000))],
  ['superblock: first block 0', ['v3', 'none'], (j) => j.edit(0, word(at.at.first, 0))],
  ['superblock: first block beyond the end', ['v3'], (j) => j.edit(0, word(at.at.first, 50_000))],
  ['superblock: first block too near to the end', ['none'], (j) => j.edit(0, word(at.at.first, 600))],
  ['superblock: start beyond the end', ['v3', 'none'], (j) => j.edit(0, word(at.at.start, 50_000))],
  ['superblock: start elsewhere', ['v3', 'none'], (j) => j.edit(0, word(at.at.start, 700))],
  ['superblock: nothing to replay', ['v3', 'none'], (j) => j.edit(0, word(at.at.start, 0))],
  [
    'superblock: another sequence',
    ['v3', 'none'],
    (j) => j.edit(0, (v) => v.setUint32(at.at.sequence, v.getUint32(at.at.sequence) + 1)),
  ],
  ['superblock: checksum', ['v3'], (j) => j.edit(0, flip(at.at.checksum), false)],
  ['superblock: checksum type', ['v3'], (j) => j.edit(0, (view) => view.setUint8(at.at.checksumType, 1))],
  [
    'superblock: unknown incompatible feature',
    ['v3', 'none'],
    (j) => j.edit(0, (v) => v.setUint32(at.at.incompat, v.getUint32(at.at.incompat) | 0x100)),
  ],
  ['superblock: unknown read-only compatible feature', ['none'], (j) => j.edit(0, word(at.at.roCompat, 1))],
  [
    'superblock: two checksum versions',
    ['v3'],
    (j) => j.edit(0, (v) => v.setUint32(at.at.incompat, v.getUint32(at.at.incompat) | 0x8)),
  ],
  ['superblock: checksum v1 and v3', ['v3'], (j) => j.edit(0, word(at.at.compat, 1))],
];

describe.skipIf(reason !== undefined)(
  `a damaged journal is treated as by the kernel (${reason ?? 'as root'})`,
  () => {
    beforeAll(() => {
      for (const kind of ALL) {
        images[kind] = bench!.dirty(bench!.makeImage('4M', kinds[kind].mkfs), fill, kinds[kind].options);
      }
    });

    for (const [what, of, damage] of rows) {
      for (const kind of of) {
        test(`${what} (${kind})`, () => {
          const image = bench!.copy(images[kind]);
          const journal = new JournalPatch(image);
          try {
            damage(journal);
          } finally {
            journal.close();
          }
          const {kernel, ours, recovered} = outcomes(bench!, image);
          expect(ours).toBe(kernel);
          rmSync(image);
          if (recovered !== undefined) rmSync(recovered);
        });
      }
    }

    test('a journal on a device of its own is refused by name', () => {
      const image = bench!.copy(images.none);
      run('debugfs', '-w', '-R', 'set_super_value journal_inum 0', image);
      run('debugfs', '-w', '-R', 'set_super_value journal_dev 0x701', image);
      const fd = openSync(image, 'r');
      const source = new FileSource(fd);
      expect(() => replayJournal(source, readSuperblock(source))).toThrow(/^journal-external/);
      closeSync(fd);
    });

    test('any change to the journal ends in an answer or an error of ours, and no write', () => {
      for (const kind of ALL) {
        const bytes = readFileSync(images[kind]);
        const before = readFileSync(images[kind]);
        const clean = memory(bytes);
        const superblock = readSuperblock(clean);
        const journal = openJournal(replayImage(clean));
        const places = new JournalPatch(images[kind]);
        const blocks = [0, ...places.blocks().map((block) => block.index)];
        places.close();
        expect(readFileSync(images[kind]).equals(before)).toBe(true);
        const random = generator(kind.length * 7919 + 1);
        let refused = 0;
        for (let round = 0; round < 400; round++) {
          const changed: Array<[position: number, value: number]> = [];
          for (let i = 0; i <= random(3); i++) {
            const index = blocks[random(blocks.length)]!;
            const position =
              journal.file.locate(index) * superblock.blockSize + random(random(2) === 0 ? 64 : 1024);
            changed.push([position, bytes[position]!]);
            bytes[position] = random(2) === 0 ? bytes[position]! ^ (1 << random(8)) : random(256);
          }
          try {
            replayJournal(clean, superblock);
          } catch (error) {
            if (!(error instanceof Ext4Error)) throw error;
            refused++;
          }
          for (const [position, value] of changed.reverse()) bytes[position] = value;
        }
        expect(refused).toBeGreaterThan(10);
      }
    });
  },
);
