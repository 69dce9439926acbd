import {mkdirSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, describe, expect, test} from 'vitest';
import {cannotMount, commit, Workbench} from '../../support/dirty-image.js';
import {compareReplay, JournalPatch} from '../../support/journal-patch.js';

const reason = cannotMount();
const bench = reason === undefined ? new Workbench() : undefined;
afterEach(() => bench?.clear());
afterAll(() => bench?.close());

function fillPlain(mnt: string): void {
  mkdirSync(join(mnt, 'dir'));
  for (let i = 0; i < 200; i++) writeFileSync(join(mnt, 'dir', `file-${i}`), `content ${i}\n`.repeat(i));
  commit(mnt);
  for (let i = 0; i < 50; i++) rmSync(join(mnt, 'dir', `file-${i}`));
  truncateSync(join(mnt, 'dir', 'file-60'), 10);
  commit(mnt);
}

/** Directory blocks that are freed and then hold file data: without revokes the log would put directories back. */
function fillWithRevokes(mnt: string): void {
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 60; i++) {
      mkdirSync(join(mnt, `d${i}`));
      for (let j = 0; j < 5; j++) writeFileSync(join(mnt, `d${i}`, `f${j}`), 'x'.repeat(100));
    }
    commit(mnt);
    for (let i = 0; i < 60; i++) rmSync(join(mnt, `d${i}`), {recursive: true});
    commit(mnt);
    writeFileSync(join(mnt, `data${round}`), Buffer.alloc(400_000, round + 1));
    commit(mnt);
  }
}

/** More metadata than the journal holds at once, so that the log wraps around. */
function fillWrapped(mnt: string): void {
  for (let round = 0; round < 14; round++) {
    mkdirSync(join(mnt, `r${round}`));
    for (let i = 0; i < 300; i++) writeFileSync(join(mnt, `r${round}`, `f${i}`), `${round}/${i}`);
    commit(mnt);
  }
}

/** Blocks that begin with the journal's own magic number are escaped in the log. */
function fillEscaped(mnt: string): void {
  const block = Buffer.alloc(16384);
  for (let at = 0; at < block.length; at += 1024) block.writeUInt32BE(0xc03b3998, at);
  for (let i = 0; i < 20; i++) writeFileSync(join(mnt, `magic${i}`), block);
  commit(mnt);
}

function journalOf(dirty: string) {
  const patch = new JournalPatch(dirty);
  try {
    return {...patch.superblock, blocks: patch.blocks()};
  } finally {
    patch.close();
  }
}

const checksum = (version: number) => (dirty: string) => expect(journalOf(dirty).checksum).toBe(version);
const asynchronous = (dirty: string) => expect(journalOf(dirty).asyncCommit).toBe(true);

/** Blocks of the log come after its end in the ring. */
function wraps(dirty: string): void {
  const {blocks} = journalOf(dirty);
  expect(blocks.at(-1)!.index).toBeLessThan(blocks[0]!.index);
}

type Variant = [
  what: string,
  size: string,
  mkfs: string[],
  options: string,
  fill: (mnt: string) => void,
  /** Fails when the image is not of the kind that it is meant to be. */
  expects?: (dirty: string) => void,
];
const variants: Variant[] = [
  ['1 KiB blocks, checksum v3', '32M', ['-b', '1024'], 'rw', fillPlain, checksum(3)],
  ['4 KiB blocks', '64M', ['-b', '4096'], 'rw', fillPlain],
  [
    '32-bit journal without checksums',
    '64M',
    ['-b', '4096', '-O', '^64bit,^metadata_csum'],
    'rw',
    fillPlain,
    checksum(0),
  ],
  ['ext3, indirect journal', '32M', ['-t', 'ext3', '-b', '1024'], 'rw', fillPlain],
  ['checksum v3 without 64bit', '32M', ['-b', '1024', '-O', '^64bit'], 'rw', fillPlain],
  [
    'checksum v1',
    '32M',
    ['-b', '1024', '-O', '^metadata_csum'],
    'rw,journal_checksum',
    fillPlain,
    checksum(1),
  ],
  [
    'asynchronous commits',
    '32M',
    ['-b', '1024'],
    'rw,data=writeback,journal_async_commit',
    fillPlain,
    asynchronous,
  ],
  [
    'asynchronous commits, no metadata_csum',
    '32M',
    ['-b', '1024', '-O', '^metadata_csum'],
    'rw,data=writeback,journal_async_commit',
    fillPlain,
    asynchronous,
  ],
  ['data in the journal', '64M', ['-b', '4096', '-J', 'size=16'], 'rw,data=journal', fillPlain],
  ['revokes', '64M', ['-b', '4096', '-J', 'size=16'], 'rw', fillWithRevokes],
  [
    'revokes, 32 bits, no checksums',
    '32M',
    ['-b', '1024', '-O', '^64bit,^metadata_csum'],
    'rw',
    fillWithRevokes,
  ],
  ['a log that wraps around', '64M', ['-b', '1024', '-J', 'size=1', '-N', '16384'], 'rw', fillWrapped, wraps],
  ['escaped blocks', '64M', ['-b', '4096', '-J', 'size=16'], 'rw,data=journal', fillEscaped],
  ['escaped blocks, 1 KiB', '64M', ['-b', '1024', '-J', 'size=16'], 'rw,data=journal', fillEscaped],
  ['2 KiB blocks, bigalloc', '64M', ['-b', '2048', '-O', 'bigalloc', '-C', '16384'], 'rw', fillPlain],
];

describe.skipIf(reason !== undefined)(
  `replay gives the blocks that the kernel's does (${reason ?? 'as root'})`,
  () => {
    for (const [what, size, mkfs, options, fill, expects] of variants) {
      test(what, () => {
        const dirty = bench!.dirty(bench!.makeImage(size, mkfs), fill, options);
        const {different, stale, report} = compareReplay(dirty, bench!.recovered(dirty)!);
        expects?.(dirty);
        expect(report.replayed).toBe(true);
        expect(stale.length).toBeGreaterThan(0);
        expect(different).toEqual([]);
        if (fill === fillWithRevokes) expect(report.revoked).toBeGreaterThan(0);
      });
    }
  },
);
