import {spawnSync} from 'node:child_process';
import {closeSync, fsyncSync, mkdirSync, openSync, statfsSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {FileSource} from '../../src/block/index.js';
import {replayJournal} from '../../src/ext4/journal/replay.js';
import {journalSuperblock} from '../../src/ext4/journal/structs.js';
import {materialize, run, tree, type Workbench} from './dirty-image.js';
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

/** What is there before, by full commits. */
export function prepare(mnt: string, large: boolean): void {
  mkdirSync(join(mnt, 'base'));
  for (const name of ['a', 'b', 'c']) writeFileSync(join(mnt, 'base', name), name.repeat(10_000));
  mkdirSync(join(mnt, 'large'));
  for (let i = 0; large && i < 400; i++)
    writeFileSync(join(mnt, 'large', `an-entry-with-a-longer-name-${i}`), '');
  mkdirSync(join(mnt, 'gone'));
  run('sync', '-f', mnt);
  put(join(mnt, 'base', 'first'), 'first');
}

/** The area takes 255 fast commits: one that is full by chance would make the kernel refuse the image. */
export const layouts: Array<[what: string, mkfs: string[]]> = [
  ['1 KiB', ['-b', '1024', '-O', 'fast_commit', '-J', 'size=8,fast_commit_size=256']],
  ['4 KiB', ['-b', '4096', '-O', 'fast_commit', '-J', 'size=8,fast_commit_size=1024']],
];

/** Others, for a part of the cases. */
export const rareLayouts: typeof layouts = [
  [
    'no checksums, 1 KiB',
    ['-b', '1024', '-O', 'fast_commit,^metadata_csum,^64bit,^flex_bg', '-J', 'size=8,fast_commit_size=256'],
  ],
  [
    '128-byte inodes, 2 KiB',
    ['-b', '2048', '-I', '128', '-O', 'fast_commit', '-J', 'size=8,fast_commit_size=512'],
  ],
  [
    'bigalloc, 1 KiB',
    ['-b', '1024', '-C', '4096', '-O', 'fast_commit,bigalloc', '-J', 'size=8,fast_commit_size=256'],
  ],
];

/** Directories and small files lie in their inodes. */
export const inlineLayout = [
  '-b',
  '4096',
  '-I',
  '512',
  '-O',
  'fast_commit,inline_data',
  '-J',
  'size=8,fast_commit_size=1024',
];
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

/** Replays, and lets the kernel and e2fsck look at the result as at any image. */
export function replayed(
  bench: Workbench,
  dirty: string,
): {sight: Sight; records: number; complaints: string[]} {
  const fd = openSync(dirty, 'r');
  const path = bench.file('replayed');
  let records: number;
  try {
    const image = new FileSource(fd);
    const {source, report} = replayJournal(image, readSuperblock(image));
    materialize(source, path);
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
