import {createHash} from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, describe, expect, test} from 'vitest';
import {FileSource} from '../../../src/block/index.js';
import {type Inode, isType} from '../../../src/ext4/inode.js';
import {MODE_TYPE} from '../../../src/ext4/inode-flags.js';
import {ROOT_INODE} from '../../../src/ext4/units.js';
import {Volume} from '../../../src/ext4/volume.js';
import {cannotMount, commit, tree, Workbench} from '../../support/dirty-image.js';

const reason = cannotMount();
const bench = reason === undefined ? new Workbench() : undefined;
afterEach(() => bench?.clear());
afterAll(() => bench?.close());

/** The same table as `tree` makes of a mounted file system. */
function walk(volume: Volume, dir: Inode = volume.inode(ROOT_INODE), path = '.'): Record<string, string> {
  const found: Record<string, string> = {};
  const names: string[] = [];
  volume.readdir(dir, 0, (_ino, _type, name) => {
    names.push(Buffer.from(name).toString());
    return true;
  });
  for (const name of names.filter((each) => each !== '.' && each !== '..').sort()) {
    const inner = `${path}/${name}`;
    const inode = volume.lookup(dir, Buffer.from(name))!;
    const fields = [inode.ino, inode.mode, inode.links, inode.uid, inode.gid, inode.size, inode.blocks512];
    if (isType(inode, MODE_TYPE.directory)) {
      found[inner] = `dir ${fields.join(' ')}`;
      Object.assign(found, walk(volume, inode, inner));
      continue;
    }
    const times = [
      BigInt(inode.mtime) * 1_000_000_000n + BigInt(inode.mtimeNsec),
      BigInt(inode.ctime) * 1_000_000_000n + BigInt(inode.ctimeNsec),
    ];
    const content = isType(inode, MODE_TYPE.regular) ? contentOf(volume, inode) : '';
    found[inner] = `file ${[...fields, ...times].join(' ')} ${content}`;
  }
  return found;
}

function contentOf(volume: Volume, inode: Inode): string {
  const bytes = new Uint8Array(inode.size);
  expect(volume.read(inode, 0, bytes, 0, bytes.length)).toBe(bytes.length);
  return createHash('sha256').update(bytes).digest('hex');
}

function fill(mnt: string): void {
  for (let i = 0; i < 8; i++) {
    mkdirSync(join(mnt, `dir${i}`));
    for (let j = 0; j < 40; j++) writeFileSync(join(mnt, `dir${i}`, `file-${j}`), `${i}/${j}`.repeat(j * 20));
    symlinkSync(`dir${i}/file-1`, join(mnt, `link${i}`));
  }
  commit(mnt);
  rmSync(join(mnt, 'dir3'), {recursive: true});
  renameSync(join(mnt, 'dir4'), join(mnt, 'dir1', 'moved'));
  commit(mnt);
}

const variants: Array<[what: string, mkfs: string[], options: string]> = [
  ['4 KiB blocks', ['-b', '4096'], 'rw,nodelalloc'],
  ['1 KiB blocks, orphan file', ['-b', '1024', '-O', 'orphan_file'], 'rw,nodelalloc'],
  ['ext3', ['-t', 'ext3', '-b', '1024'], 'rw,nodelalloc'],
  ['inline data', ['-b', '4096', '-O', 'inline_data', '-I', '512'], 'rw,nodelalloc'],
  ['data in the journal', ['-b', '1024', '-J', 'size=16'], 'rw,data=journal'],
  [
    'fast commits',
    ['-b', '4096', '-O', 'fast_commit', '-J', 'size=8,fast_commit_size=1024'],
    'rw,nodelalloc',
  ],
];

describe.skipIf(reason !== undefined)(
  `a volume shows a dirty image as the kernel does (${reason ?? 'as root'})`,
  () => {
    for (const [what, mkfs, options] of variants) {
      test(what, () => {
        let open = -1;
        let looked = false;
        const dirty = bench!.dirty(
          bench!.makeImage('48M', mkfs),
          (mnt) => {
            fill(mnt);
            open = openSync(join(mnt, 'dir0', 'file-30'), 'r+');
            writeSync(open, Buffer.alloc(100_000, 1));
            fsyncSync(open);
            // The kernel does not recover a fast commit of a deleted file.
            if (what !== 'fast commits') unlinkSync(join(mnt, 'dir0', 'file-30'));
            writeFileSync(join(mnt, 'last'), 'last');
            const last = openSync(join(mnt, 'last'), 'r');
            fsyncSync(last);
            closeSync(last);
          },
          options,
          () => closeSync(open),
        );
        const before = readFileSync(dirty);
        const fd = openSync(dirty, 'r');
        const volume = Volume.open(new FileSource(fd), {cacheLimit: 4 << 20});
        const ours = walk(volume);
        const {bfree, ffree} = volume.statfs();
        closeSync(fd);
        expect(readFileSync(dirty).equals(before)).toBe(true);
        expect(volume.replay?.replayed).toBe(true);
        bench!.recovered(
          dirty,
          (mnt) => {
            expect(ours).toEqual(tree(mnt));
            const theirs = statfsSync(mnt);
            expect([bfree, ffree]).toEqual([theirs.bfree, theirs.ffree]);
            looked = true;
          },
          'rw',
        );
        expect(looked).toBe(true);
      });
    }
  },
);
