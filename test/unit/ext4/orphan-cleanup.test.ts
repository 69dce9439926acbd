import {execFileSync} from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, describe, expect, test} from 'vitest';
import {BlockCache, type BlockSource, FileSource} from '../../../src/block/index.js';
import type {Ext4Context} from '../../../src/ext4/context.js';
import {findBlock, listBlocks} from '../../../src/ext4/journal/block-list.js';
import {ReplayImage} from '../../../src/ext4/journal/image.js';
import {NO_COPIES, OverlaySource} from '../../../src/ext4/journal/overlay.js';
import {replayJournal} from '../../../src/ext4/journal/replay.js';
import {processOrphans} from '../../../src/ext4/orphan.js';
import {decodeSuperblock, SUPERBLOCK_OFFSET} from '../../../src/ext4/superblock.js';
import type {DiskBlock} from '../../../src/ext4/units.js';
import {cannotMount, commit, run, Workbench} from '../../support/dirty-image.js';

const reason = cannotMount();
const bench = reason === undefined ? new Workbench() : undefined;
afterEach(() => bench?.clear());
afterAll(() => bench?.close());

function readSuperblock(source: BlockSource) {
  const raw = new Uint8Array(1024);
  source.read(raw, 0, raw.length, SUPERBLOCK_OFFSET);
  return decodeSuperblock(raw);
}

/** A context without caches on an image whose journal was replayed. */
function contextOf(image: BlockSource): Ext4Context {
  const {source} = replayJournal(image, readSuperblock(image));
  const superblock = readSuperblock(source);
  const view = new ReplayImage(new OverlaySource(source, superblock.blockSize, NO_COPIES), superblock);
  return {
    superblock,
    source,
    cache: new BlockCache(source, {blockSize: superblock.blockSize, limit: 1 << 20}),
    checksumSeed: superblock.checksumSeed,
    block: (block) => view.block(block),
    inode: (ino) => view.inode(ino),
    mapBlock: (inode, block) => findBlock(listBlocks(view, inode).runs, block) as DiskBlock,
    fileBlock: () => undefined,
  };
}

function inspect(path: string) {
  const before = readFileSync(path);
  const fd = openSync(path, 'r');
  try {
    const ctx = contextOf(new FileSource(fd));
    const {superblock} = ctx;
    const view = new ReplayImage(new OverlaySource(ctx.source, superblock.blockSize, NO_COPIES), superblock);
    let clusters = 0;
    let inodes = 0;
    for (let group = 0; group < superblock.groupCount; group++) {
      clusters += view.descriptor(group).freeClusters;
      inodes += view.descriptor(group).freeInodes;
    }
    const events: string[] = [];
    const result = processOrphans(ctx, (event) => events.push(event));
    expect(readFileSync(path).equals(before)).toBe(true);
    return {
      events,
      result,
      freeBlocks: (clusters + result.freedClusters) * 2 ** superblock.clusterBits,
      freeInodes: inodes + result.freedInodes,
    };
  } finally {
    closeSync(fd);
  }
}

/** Writes alternately to two files, so that both come out in many extents. */
function fragmented(mnt: string, name: string, blocks: number): number {
  const kept = openSync(join(mnt, `${name}-kept`), 'w');
  const fd = openSync(join(mnt, name), 'w');
  const block = Buffer.alloc(4096, 1);
  for (let i = 0; i < blocks; i++) {
    writeSync(fd, block, 0, block.length, i * 8192);
    fsyncSync(fd);
    writeSync(kept, block);
    fsyncSync(kept);
  }
  closeSync(kept);
  return fd;
}

type Variant = [what: string, mkfs: string[], deleted: number];
const variants: Variant[] = [
  ['orphan list', ['-b', '1024'], 6],
  ['orphan list, 4 KiB blocks', ['-b', '4096'], 6],
  ['orphan file', ['-b', '4096', '-O', 'orphan_file'], 6],
  ['orphan file without checksums', ['-b', '1024', '-O', 'orphan_file,^metadata_csum'], 6],
  ['ext3, indirect blocks', ['-t', 'ext3', '-b', '1024'], 6],
  ['bigalloc', ['-b', '1024', '-O', 'bigalloc', '-C', '8192'], 6],
];

describe.skipIf(reason !== undefined)(
  `orphans are cleaned up as the kernel does (${reason ?? 'as root'})`,
  () => {
    for (const [what, mkfs, deleted] of variants) {
      test(`open files that were deleted: ${what}`, () => {
        const image = bench!.makeImage('24M', mkfs);
        const open: number[] = [];
        const dirty = bench!.dirty(
          image,
          (mnt) => {
            for (let i = 0; i < 4; i++) {
              const fd = openSync(join(mnt, `o${i}`), 'w');
              open.push(fd);
              writeSync(fd, Buffer.alloc(30_000 * (i + 1), 7));
              fsyncSync(fd);
            }
            // Too large for the inode, so it gets a block of its own.
            execFileSync('setfattr', ['-n', 'user.large', '-v', 'x'.repeat(600), join(mnt, 'o1')]);
            open.push(fragmented(mnt, 'pieces', 40));
            mkdirSync(join(mnt, 'dir'));
            open.push(openSync(join(mnt, 'dir'), 'r'));
            rmdirSync(join(mnt, 'dir'));
            for (const name of ['o0', 'o1', 'o2', 'o3', 'pieces']) unlinkSync(join(mnt, name));
            commit(mnt);
          },
          'rw,nodelalloc',
          () => {
            for (const fd of open) closeSync(fd);
          },
        );
        const ours = inspect(dirty);
        bench!.recovered(dirty, (mnt) => {
          const theirs = statfsSync(mnt);
          expect(readdirSync(mnt).sort()).toEqual(['lost+found', 'pieces-kept']);
          expect({blocks: ours.freeBlocks, inodes: ours.freeInodes}).toEqual({
            blocks: theirs.bfree,
            inodes: theirs.ffree,
          });
        });
        expect([...ours.result.changes.values()]).toEqual(Array(deleted).fill('deleted'));
        expect(ours.result.freedClusters).toBeGreaterThan(10);
      });

      test(`a truncation that was not finished: ${what}`, () => {
        const image = bench!.makeImage('24M', mkfs);
        const mnt = bench!.mount(image);
        closeSync(fragmented(mnt, 'pieces', 40));
        const ino = statSync(join(mnt, 'pieces')).ino;
        bench!.unmount(mnt);
        run('debugfs', '-w', '-R', `set_inode_field <${ino}> size 100000`, image);
        run('debugfs', '-w', '-R', `set_super_value last_orphan ${ino}`, image);
        const ours = inspect(image);
        bench!.recovered(image, (target) => {
          const theirs = statfsSync(target);
          expect({blocks: ours.freeBlocks, inodes: ours.freeInodes}).toEqual({
            blocks: theirs.bfree,
            inodes: theirs.ffree,
          });
          const {blocks} = statSync(join(target, 'pieces'));
          expect([...ours.result.changes]).toEqual([[ino, {blocks512: blocks}]]);
        });
        expect(ours.result.freedClusters).toBeGreaterThan(10);
      });
    }

    type Row = [what: string, edits: (ino: number) => string[], changes: number];
    const rows: Row[] = [
      ['a number beyond the last inode', () => ['set_super_value last_orphan 99999999'], 0],
      ['a reserved inode', () => ['set_super_value last_orphan 5'], 0],
      ['a free inode', () => ['set_super_value last_orphan 500'], 0],
      [
        'an inode that leads to itself',
        (ino) => [`set_super_value last_orphan ${ino}`, `set_inode_field <${ino}> dtime ${ino}`],
        1,
      ],
      [
        'an inode that leads beyond the last',
        (ino) => [`set_super_value last_orphan ${ino}`, `set_inode_field <${ino}> dtime 0x7fffffff`],
        0,
      ],
      ['a fast symlink', (ino) => [`set_super_value last_orphan ${ino + 1}`], 0],
      [
        'a file system with errors',
        (ino) => [`set_super_value last_orphan ${ino}`, 'set_super_value state 2'],
        0,
      ],
    ];
    for (const [what, edits, changes] of rows) {
      test(`no orphan: ${what}`, () => {
        const image = bench!.makeImage('16M', ['-b', '1024']);
        const mnt = bench!.mount(image);
        writeFileSync(join(mnt, 'file'), 'content');
        symlinkSync('file', join(mnt, 'link'));
        const {ino} = statSync(join(mnt, 'file'));
        bench!.unmount(mnt);
        for (const edit of edits(ino)) run('debugfs', '-w', '-R', edit, image);
        const ours = inspect(image);
        expect(ours.result.changes.size).toBe(changes);
        let looked = false;
        bench!.recovered(image, (target) => {
          const theirs = statfsSync(target);
          expect([ours.freeBlocks, ours.freeInodes]).toEqual([theirs.bfree, theirs.ffree]);
          looked = true;
        });
        expect(looked).toBe(true);
      });
    }

    for (const [what, offset] of [
      ['magic', 4088],
      ['checksum', 4092],
    ] as const) {
      test(`an orphan file with a wrong ${what} is refused, as by the kernel`, () => {
        const image = bench!.makeImage('16M', ['-b', '4096', '-O', 'orphan_file']);
        const block = Number(/\(0[^)]*\):(\d+)/.exec(run('debugfs', '-R', 'stat <12>', image))![1]);
        const fd = openSync(image, 'r+');
        const byte = Buffer.alloc(1);
        readSync(fd, byte, 0, 1, block * 4096 + offset);
        writeSync(fd, Buffer.from([byte[0]! ^ 1]), 0, 1, block * 4096 + offset);
        closeSync(fd);
        expect(() => inspect(image)).toThrow(/^orphan-block-/);
        expect(bench!.recovered(image)).toBeUndefined();
      });
    }
  },
);
