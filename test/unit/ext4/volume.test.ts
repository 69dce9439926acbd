import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {FileSource} from '../../../src/block/index.js';
import type {Inode} from '../../../src/ext4/inode.js';
import {type FileBlock, type InodeNumber, ROOT_INODE} from '../../../src/ext4/units.js';
import {Volume} from '../../../src/ext4/volume.js';
import {run, withKernelMount} from '../../support/mounts.js';
import {cannotMount} from '../../support/oracle.js';
import {cannotMakeImages} from './memory-image.js';

const reason = cannotMakeImages();
const mountReason = cannotMount();
const folder = mkdtempSync(join(tmpdir(), 'fuseward-volume-'));
const tree = join(folder, 'tree');
afterAll(() => rmSync(folder, {recursive: true}));

/** Bytes that tell their place. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({length}, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

beforeAll(() => {
  mkdirSync(join(tree, 'dir/sub'), {recursive: true});
  for (const size of [0, 1, 59, 60, 61, 150, 1023, 1024, 4097, 30_000, 700_001]) {
    writeFileSync(join(tree, `file${size}`), pattern(size));
  }
  const fd = openSync(join(tree, 'dir/sparse'), 'w');
  // With gaps at each level of a map, and many pieces.
  for (let i = 0; i < 100; i++) writeSync(fd, pattern(1000 + i), 0, 1000 + i, 3000 + i * 9000);
  writeSync(fd, pattern(5000), 0, 5000, 80 << 20);
  ftruncateSync(fd, (80 << 20) + 123_456);
  closeSync(fd);
  symlinkSync('short', join(tree, 'fast'));
  symlinkSync('x'.repeat(59), join(tree, 'fast59'));
  symlinkSync('y'.repeat(60), join(tree, 'slow60'));
  symlinkSync('z'.repeat(1000), join(tree, 'slow1000'));
  utimesSync(join(tree, 'file1'), new Date(0), new Date(-1_000_000));
});

/** mke2fs arguments; the kernel may be unable to mount some, and then the tree itself is the oracle. */
const variants: Array<[what: string, sizeMib: number, mounts: boolean, args: string[]]> = [
  ['ext4', 16, true, ['-t', 'ext4']],
  ['ext4 with 1 KiB blocks', 16, true, ['-t', 'ext4', '-b', '1024']],
  ['ext4 without checksums and 64bit', 16, true, ['-t', 'ext4', '-O', '^metadata_csum,^64bit']],
  ['ext3', 16, true, ['-t', 'ext3', '-b', '1024']],
  ['ext2', 16, true, ['-t', 'ext2', '-b', '1024']],
  ['ext2 of 4 KiB blocks, inodes of 128 bytes', 16, true, ['-t', 'ext2', '-b', '4096', '-I', '128']],
  ['inline data', 16, true, ['-t', 'ext4', '-O', 'inline_data,metadata_csum_seed', '-b', '1024']],
  ['bigalloc', 32, true, ['-t', 'ext4', '-O', 'bigalloc', '-C', '16384']],
  [
    'bigalloc, 1 KiB blocks',
    32,
    true,
    ['-t', 'ext4', '-O', 'bigalloc,meta_bg,^resize_inode', '-b', '1024', '-C', '8192'],
  ],
  ['meta groups', 64, true, ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode,^flex_bg']],
  ['sparse_super2', 32, true, ['-t', 'ext4', '-b', '1024', '-O', 'sparse_super2']],
  ['uninit_bg', 32, true, ['-t', 'ext4', '-b', '1024', '-O', 'uninit_bg,^metadata_csum,^flex_bg']],
  ['an orphan file and large inodes', 16, true, ['-t', 'ext4', '-O', 'orphan_file,project', '-I', '1024']],
  ['blocks of 64 KiB', 64, false, ['-t', 'ext4', '-b', '65536']],
  ['blocks of 32 KiB, indirect', 64, false, ['-t', 'ext3', '-b', '32768']],
];

function make(name: string, sizeMib: number, args: readonly string[]): string {
  const image = join(folder, name);
  writeFileSync(image, '');
  truncateSync(image, sizeMib << 20);
  run('mke2fs', ['-q', '-F', '-m', '3', ...args, '-d', tree, image]);
  return image;
}

function withVolume<T>(image: string, action: (volume: Volume) => T): T {
  const fd = openSync(image, 'r');
  try {
    return action(Volume.open(new FileSource(fd), {cacheLimit: 1 << 20}));
  } finally {
    closeSync(fd);
  }
}

function at(volume: Volume, path: string): Inode {
  let inode = volume.inode(ROOT_INODE);
  for (const name of path.split('/')) inode = volume.lookup(inode, Buffer.from(name))!;
  return inode;
}

function contentOf(volume: Volume, inode: Inode): Buffer {
  const content = Buffer.alloc(inode.size);
  expect(volume.read(inode, 0, content, 0, content.length + 10)).toBe(inode.size);
  return content;
}

const files = [
  'file0',
  'file1',
  'file59',
  'file60',
  'file61',
  'file150',
  'file1024',
  'file4097',
  'file700001',
  'dir/sparse',
];

describe.skipIf(reason !== undefined)(
  `volumes by mke2fs${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    describe.each(variants)('%s', (what, sizeMib, mounts, args) => {
      const name = `${what.replaceAll(/\W+/g, '-')}.img`;
      let image = '';
      beforeAll(() => {
        image = make(name, sizeMib, args);
      });
      afterAll(() => rmSync(image));

      test('content and links are those of the tree', () => {
        withVolume(image, (volume) => {
          for (const path of files) {
            // mke2fs 1.47.0 leaves most of a sparse file out when it makes inline_data; the kernel shows it so, too.
            if (path === 'dir/sparse' && what === 'inline data') continue;
            const same = contentOf(volume, at(volume, path)).equals(readFileSync(join(tree, path)));
            expect([path, same]).toEqual([path, true]);
          }
          for (const [path, target] of [
            ['fast', 'short'],
            ['fast59', 'x'.repeat(59)],
            ['slow60', 'y'.repeat(60)],
            ['slow1000', 'z'.repeat(1000)],
          ] as const) {
            expect(Buffer.from(volume.readlink(at(volume, path))).toString()).toBe(target);
          }
        });
      });

      test('block maps are those that debugfs shows', () => {
        withVolume(image, (volume) => {
          for (const path of ['file700001', 'dir/sparse']) {
            const inode = at(volume, path);
            const shown = new Map<number, number>();
            const last = Math.ceil(inode.size / volume.superblock.blockSize);
            const step = Math.max(1, Math.floor(last / 60));
            const asked: number[] = [];
            for (let block = 0; block < last; block += step) asked.push(block);
            const requests = asked.map((block) => `bmap <${inode.ino}> ${block}`).join('\n');
            const answers = run('debugfs', ['-f', '-', image], requests)
              .split('\n')
              .filter((line) => /^\d+$/.test(line));
            for (const [i, block] of asked.entries()) shown.set(block, Number(answers[i]));
            for (const [block, physical] of shown) {
              expect([path, block, volume.context.mapBlock(inode, block as FileBlock)]).toEqual([
                path,
                block,
                physical,
              ]);
            }
          }
        });
      });

      test.skipIf(!mounts || mountReason !== undefined)(
        `the kernel counts the same${mountReason === undefined ? '' : ` (${mountReason})`}`,
        () => {
          withVolume(image, (volume) => {
            withKernelMount(image, 'ro', (path) => {
              const {bsize, blocks, bfree, bavail, files: inodes, ffree} = statfsSync(path);
              const ours = volume.statfs();
              expect(ours).toMatchObject({bsize, blocks, bfree, bavail, files: inodes, ffree});
              // f_fsid is what stat -f shows as ID, its first word first.
              const id = BigInt(`0x${run('stat', ['-f', '-c', '%i', path]).trim()}`);
              expect((BigInt(ours.fsid[0]) << 32n) | BigInt(ours.fsid[1])).toBe(id);
            });
          });
        },
      );
    });

    test('unused, deleted and reserved inodes are told apart', () => {
      const image = make('numbers.img', 16, ['-t', 'ext4', '-O', 'quota']);
      run('debugfs', ['-w', '-R', 'sif /file150 links_count 0', image]);
      const number = (path: string): InodeNumber => withVolume(image, (volume) => at(volume, path).ino);
      const dead = (() => {
        const text = run('debugfs', ['-R', 'ls -l /', image]);
        return Number(/^\s*(\d+).* file150$/m.exec(text)?.[1]) as InodeNumber;
      })();
      withVolume(image, (volume) => {
        const code = (ino: number): string => {
          try {
            volume.inode(ino as InodeNumber);
            return 'fine';
          } catch (error) {
            const {errno, code} = error as {errno: string; code: string};
            return `${errno} ${code}`;
          }
        };
        const {inodesCount} = volume.superblock;
        expect(code(number('file1'))).toBe('fine');
        expect([0, -1, 0.5, NaN, inodesCount + 1, 2 ** 40].map(code)).toEqual([
          'EUCLEAN inode-reserved',
          'EUCLEAN inode-reserved',
          'EUCLEAN inode-reserved',
          'EUCLEAN inode-number',
          'EUCLEAN inode-number',
          'EUCLEAN inode-number',
        ]);
        for (const ino of [1, 3, 4, 5, 7, 8, 10]) expect(code(ino)).toBe('EUCLEAN inode-reserved');
        expect(code(11)).toBe('fine');
        expect(code(inodesCount)).toBe('ESTALE inode-deleted');
        expect(code(dead)).toBe('ESTALE inode-deleted');
        expect(() => at(volume, 'file150')).toThrow(
          expect.objectContaining({errno: 'EUCLEAN', code: 'entry-of-deleted'}),
        );
      });
    });

    const damage: Array<[what: string, request: (ino: number) => string, code: string]> = [
      ['an extent over the inode table', (ino) => `sif <${ino}> block[5] 40`, 'extent-blocks'],
      ['an extent over the journal', (ino) => `sif <${ino}> block[5] JOURNAL`, 'extent-blocks'],
      ['an extent over the descriptors', (ino) => `sif <${ino}> block[5] 1`, 'extent-blocks'],
      [
        'an extended attribute block among the inodes',
        (ino) => `sif <${ino}> file_acl 40`,
        'inode-xattr-block',
      ],
      ['the flag of an attribute value', (ino) => `sif <${ino}> flags 0x280000`, 'inode-ea'],
      ['no links', (ino) => `sif <${ino}> links_count 0`, 'entry-of-deleted'],
    ];
    test.each(damage)('a file with %s is refused, its neighbours not', (what, request, code) => {
      const image = make(`damaged-${what.replaceAll(/\W+/g, '-')}.img`, 16, ['-t', 'ext4', '-b', '4096']);
      const journal = /(\d+)/.exec(run('debugfs', ['-R', 'bmap <8> 10', image]))![1]!;
      const ino = withVolume(image, (volume) => at(volume, 'file4097').ino);
      run('debugfs', ['-w', '-R', request(ino).replace('JOURNAL', journal), image]);
      withVolume(image, (volume) => {
        expect(() => at(volume, 'file4097')).toThrow(expect.objectContaining({errno: 'EUCLEAN', code}));
        expect(contentOf(volume, at(volume, 'file61')).equals(Buffer.from(pattern(61)))).toBe(true);
      });
      rmSync(image);
    });

    test('what is not a regular file can not be read, nor an encrypted one', () => {
      const image = make('kinds.img', 16, ['-t', 'ext4', '-O', 'encrypt']);
      run('debugfs', ['-w', '-R', 'sif /file61 flags 0x80800', image]);
      withVolume(image, (volume) => {
        const read = (path: string) => (): number =>
          volume.read(at(volume, path), 0, new Uint8Array(9), 0, 9);
        expect(read('dir')).toThrow(expect.objectContaining({errno: 'EISDIR'}));
        expect(read('fast')).toThrow(expect.objectContaining({errno: 'EINVAL'}));
        expect(read('file61')).toThrow(expect.objectContaining({errno: 'ENOKEY', code: 'encrypted'}));
        expect(() => volume.checkOpen(at(volume, 'file61'))).toThrow(
          expect.objectContaining({errno: 'ENOKEY'}),
        );
        expect(() => volume.readlink(at(volume, 'file60'))).toThrow(
          expect.objectContaining({errno: 'EINVAL'}),
        );
        expect(() => volume.lookup(at(volume, 'file60'), Buffer.from('x'))).toThrow(
          expect.objectContaining({errno: 'ENOTDIR'}),
        );
        expect(volume.lookup(ROOT_INODE, Buffer.from('missing'))).toBeUndefined();
      });
    });

    test('times before 1970 and after 2038 come through', () => {
      const image = make('times.img', 16, ['-t', 'ext4', '-I', '256']);
      run('debugfs', ['-w', '-R', 'sif /file59 mtime @6000000000', image]);
      withVolume(image, (volume) => {
        expect([at(volume, 'file1').mtime, at(volume, 'file59').mtime]).toEqual([-1000, 6_000_000_000]);
        expect(at(volume, 'file1').hasCrtime).toBe(true);
      });
    });
  },
);
