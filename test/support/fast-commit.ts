import {spawnSync} from 'node:child_process';
import {closeSync, fsyncSync, mkdirSync, openSync, statfsSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {type BlockSource, FileSource} from '../../src/block/index.js';
import {replayJournal} from '../../src/ext4/journal/replay.js';
import {journalSuperblock} from '../../src/ext4/journal/structs.js';
import {run, tree, type Workbench} from './dirty-image.js';
import {JournalPatch, readSuperblock} from './journal-patch.js';

export function sync(path: string): void {
  const fd = openSync(path, 'r');
  fsyncSync(fd);
  closeSync(fd);
}

/** Makes or overwrites a file, on the disk by a fast commit of its own. */
export function put(path: string, content: string | Buffer): void {
  writeFileSync(path, content);
  sync(path);
}

export function writeAt(path: string, content: Buffer, position: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, content, 0, content.length, position);
  fsyncSync(fd);
  closeSync(fd);
}

/** What is there before, by full commits. @param bases directories for the cases */
export function prepare(mnt: string, large: boolean, bases: readonly string[] = ['base']): void {
  for (const base of bases) {
    mkdirSync(join(mnt, base));
    for (const name of ['a', 'b', 'c']) writeFileSync(join(mnt, base, name), name.repeat(10_000));
  }
  mkdirSync(join(mnt, 'large'));
  for (let i = 0; large && i < 400; i++)
    writeFileSync(join(mnt, 'large', `an-entry-with-a-longer-name-${i}`), '');
  mkdirSync(join(mnt, 'gone'));
  run('sync', '-f', mnt);
  for (const base of bases) put(join(mnt, base, 'first'), 'first');
}

/** Options of mkfs.ext4 for a file system with room for 255 fast commits, the same each time it is made. */
function mkfs(blockSize: number, ...more: string[]): string[] {
  const journal = `size=8,fast_commit_size=${blockSize / 4}`;
  return hashedBy(1, ['-b', `${blockSize}`, '-O', 'fast_commit', '-J', journal, ...more]);
}

/** The options with a seed for the hashes of names, which decides how directories are divided. */
export function hashedBy(seed: number, options: readonly string[]): string[] {
  const uuid = `00000000-0000-4000-8000-${seed.toString(16).padStart(12, '0')}`;
  return [...options, '-E', `lazy_itable_init=0,lazy_journal_init=0,hash_seed=${uuid}`];
}

/** The area must not be full: one that is full by chance would make the kernel refuse the image. */
export const layouts: Array<[what: string, mkfs: string[]]> = [
  ['1 KiB', mkfs(1024)],
  ['4 KiB', mkfs(4096)],
];

/** Others, for a part of the cases. */
export const rareLayouts: typeof layouts = [
  ['no checksums, 1 KiB', mkfs(1024, '-O', 'fast_commit,^metadata_csum,^64bit,^flex_bg')],
  ['128-byte inodes, 2 KiB', mkfs(2048, '-I', '128')],
  ['bigalloc, 1 KiB', mkfs(1024, '-C', '4096', '-O', 'fast_commit,bigalloc')],
  ['no indexes, 1 KiB', mkfs(1024, '-O', 'fast_commit,^dir_index')],
];

/** Directories and small files lie in their inodes. */
export const inlineLayout = mkfs(4096, '-I', '512', '-O', 'fast_commit,inline_data');

export interface Sight {
  tree: Record<string, string>;
  blocks: number;
  inodes: number;
}

export function look(mnt: string): Sight {
  const {bfree, ffree} = statfsSync(mnt);
  return {tree: tree(mnt), blocks: bfree, inodes: ffree};
}

/** What e2fsck does not like, apart from the superblock's own counters, which are written at unmount only. */
export function fsck(path: string): string[] {
  return spawnSync('e2fsck', ['-fn', path], {encoding: 'utf8'})
    .stdout.split('\n')
    .filter((line) => /Clear\?|wrong|differences|Connect|should be|Unattached|Unconnected/.test(line))
    .filter((line) => !/^Free (blocks|inodes) count wrong \(/.test(line));
}

/** Makes a copy of the image show what the source does. */
function writeDifferences(image: BlockSource, source: BlockSource, copy: string): void {
  const fd = openSync(copy, 'r+');
  const [before, after] = [Buffer.alloc(1 << 16), Buffer.alloc(1 << 16)];
  for (let at = 0; at < source.size; at += after.length) {
    const length = source.read(after, 0, after.length, at);
    image.read(before, 0, length, at);
    if (before.compare(after, 0, length, 0, length) !== 0) writeSync(fd, after, 0, length, at);
  }
  closeSync(fd);
}

/** Replays, and lets the kernel and e2fsck look at the result as at any image. */
export function replayed(
  bench: Workbench,
  dirty: string,
): {sight: Sight; records: number; complaints: string[]} {
  const fd = openSync(dirty, 'r');
  const path = bench.copy(dirty);
  let records: number;
  try {
    const image = new FileSource(fd);
    const {source, report} = replayJournal(image, readSuperblock(image));
    writeDifferences(image, source, path);
    records = report.fastCommitRecords;
  } finally {
    closeSync(fd);
  }
  const journal = new JournalPatch(path);
  journal.edit(0, (view) => view.setUint32(journalSuperblock.at.start, 0));
  journal.close();
  run('debugfs', '-w', '-R', 'feature ^needs_recovery', path);
  const complaints = fsck(path);
  let sight: Sight | undefined;
  bench.recovered(path, (mnt) => {
    sight = look(mnt);
  });
  return {sight: sight!, records, complaints};
}
