import {describe, expect, test} from 'vitest';
import {incompatNames} from '../../../src/ext4/features.js';
import {decodeGroupDescriptor, descriptorPlace, groupHasSuper} from '../../../src/ext4/group-descriptor.js';
import {checkDeviceSize, decodeSuperblock} from '../../../src/ext4/superblock.js';
import type {GroupNumber} from '../../../src/ext4/units.js';
import {Volume} from '../../../src/ext4/volume.js';
import {cannotMakeImages, MemoryImage} from './memory-image.js';

const reason = cannotMakeImages();
const suite = describe.skipIf(reason !== undefined);
const title = (text: string): string => (reason === undefined ? text : `${text} (${reason})`);
const image = (size: number, ...args: string[]): MemoryImage =>
  MemoryImage.make(size, ['-t', 'ext4', ...args]);
const open = (source: MemoryImage): Volume => Volume.open(source, {cacheLimit: 1 << 20});

suite(title('a superblock with one field changed'), () => {
  const sound = reason === undefined ? image(8, '-b', '1024') : undefined;
  type Row = [what: string, at: number, bits: 8 | 16 | 32, value: number, errno: string, code: string];
  const rows: Row[] = [
    ['another magic number', 0x38, 16, 0xef54, 'EINVAL', 'not-ext4'],
    ['blocks of 128 KiB', 0x18, 32, 7, 'EUCLEAN', 'superblock-block-size'],
    ['a block size that overflows', 0x18, 32, 0xffffffff, 'EUCLEAN', 'superblock-block-size'],
    ['clusters without bigalloc', 0x1c, 32, 4, 'EUCLEAN', 'superblock-cluster-size'],
    ['no blocks', 0x4, 32, 0, 'EUCLEAN', 'superblock-blocks-count'],
    ['2^63 blocks', 0x150, 32, 0x80000000, 'EUCLEAN', 'superblock-blocks-count'],
    ['a first block of 0 with 1 KiB blocks', 0x14, 32, 0, 'EUCLEAN', 'superblock-first-block'],
    ['a first block beyond the end', 0x14, 32, 8192, 'EUCLEAN', 'superblock-first-block'],
    ['no blocks per group', 0x20, 32, 0, 'EUCLEAN', 'superblock-clusters-per-group'],
    ['no clusters per group', 0x24, 32, 0, 'EUCLEAN', 'superblock-blocks-per-group'],
    ['more clusters per group than a bitmap has', 0x24, 32, 8193, 'EUCLEAN', 'superblock-blocks-per-group'],
    ['blocks and clusters that differ', 0x20, 32, 8000, 'EUCLEAN', 'superblock-clusters-per-group'],
    ['no inodes per group', 0x28, 32, 0, 'EUCLEAN', 'superblock-inodes-per-group'],
    ['more inodes per group than a bitmap has', 0x28, 32, 8193, 'EUCLEAN', 'superblock-inodes-per-group'],
    ['one inode more', 0x0, 32, 2049, 'EUCLEAN', 'superblock-inodes-count'],
    ['inodes of 64 bytes', 0x58, 16, 64, 'EUCLEAN', 'superblock-inode-size'],
    ['inodes of 192 bytes', 0x58, 16, 192, 'EUCLEAN', 'superblock-inode-size'],
    ['inodes larger than a block', 0x58, 16, 2048, 'EUCLEAN', 'superblock-inode-size'],
    ['a first free inode of 5', 0x54, 32, 5, 'EUCLEAN', 'superblock-first-inode'],
    ['extra fields larger than inodes', 0x15c, 16, 200, 'EUCLEAN', 'superblock-extra-size'],
    ['2^40 groups in one', 0x174, 8, 40, 'EUCLEAN', 'superblock-flex-groups'],
    ['descriptors of 32 bytes with 64bit', 0xfe, 16, 32, 'EUCLEAN', 'superblock-descriptor-size'],
    ['descriptors of 96 bytes', 0xfe, 16, 96, 'EUCLEAN', 'superblock-descriptor-size'],
    ['descriptors of 2048 bytes', 0xfe, 16, 2048, 'EUCLEAN', 'superblock-descriptor-size'],
    ['too many reserved descriptor blocks', 0xce, 16, 257, 'EUCLEAN', 'superblock-reserved-descriptors'],
    ['checksums of another kind', 0x175, 8, 2, 'EOPNOTSUPP', 'checksum-type'],
    ['64bit by GNU/Hurd', 0x48, 32, 1, 'EOPNOTSUPP', 'hurd-64bit'],
    ['compression', 0x60, 32, 0x2c3, 'EOPNOTSUPP', 'incompat-features'],
    ['a journal instead of a file system', 0x60, 32, 0x8, 'EOPNOTSUPP', 'journal-device'],
    ['more blocks than the device', 0x4, 32, 8193, 'EUCLEAN', 'device-too-small'],
  ];
  test.each(rows)('%s', (_what, at, bits, value, errno, code) => {
    const changed = sound!.copy().setSuperblock(at, bits, value);
    expect(() => open(changed)).toThrow(expect.objectContaining({errno, code}));
  });

  test('unknown features are named', () => {
    const changed = sound!.copy().setSuperblock(0x60, 32, 0x810012c2);
    expect(() => open(changed)).toThrow(
      expect.objectContaining({details: expect.objectContaining({features: 'dirdata, bit 24, bit 31'})}),
    );
    expect(incompatNames(0x2c6)).toEqual(
      ['needs_recovery', 'extent', '64bit', 'flex_bg', 'filetype'].sort(order),
    );
  });

  test('each single bit changed is noticed by the checksum', () => {
    for (let byte = 0x40; byte < 0x3fc; byte += 13) {
      if (byte === 0x175) continue;
      const changed = sound!.copy();
      changed.bytes[1024 + byte]! ^= 1 << (byte & 7);
      expect(() => open(changed), `byte ${byte}`).toThrow(expect.objectContaining({errno: 'EBADMSG'}));
    }
  });

  test('read-only and compatible features of the future do no harm', () => {
    const changed = sound!.copy().setSuperblock(0x5c, 32, 0xffff0000 | sound!.superblock.features.compat);
    changed.setSuperblock(0x64, 32, (0xf0000000 | sound!.superblock.features.roCompat) >>> 0);
    expect(open(changed).statfs().files).toBe(2048);
  });

  test('an image that ends early, at any place, is refused', () => {
    for (const size of [0, 1, 1023, 1024, 1030, 2047]) {
      expect(() => open(new MemoryImage(sound!.bytes.subarray(0, size)))).toThrow(
        expect.objectContaining({errno: 'EINVAL', code: 'superblock-short'}),
      );
    }
    for (const size of [2048, 1 << 20, sound!.size - 1]) {
      expect(() => open(new MemoryImage(sound!.bytes.subarray(0, size)))).toThrow(
        expect.objectContaining({errno: 'EUCLEAN', code: 'device-too-small'}),
      );
    }
  });
});

function order(a: string, b: string): number {
  const bits = ['filetype', 'needs_recovery', 'extent', '64bit', 'flex_bg'];
  return bits.indexOf(a) - bits.indexOf(b);
}

suite(title('a superblock by mke2fs'), () => {
  test('says what mke2fs was told', () => {
    const made = image(16, '-b', '2048', '-I', '512', '-N', '1024', '-L', 'volume label 16b', '-m', '7');
    const s = made.superblock;
    expect(s).toMatchObject({
      blockSize: 2048,
      clusterSize: 2048,
      blocksCount: 8192,
      firstDataBlock: 0,
      inodeSize: 512,
      inodesCount: 1024,
      inodesPerBlock: 4,
      groupCount: 1,
      descriptorSize: 64,
      reservedBlocks: 573,
      journalInode: 8,
      firstInode: 11,
    });
    expect(Buffer.from(s.volumeName).toString()).toBe('volume label 16b');
    checkDeviceSize(s, 8192 * 2048);
    expect(() => checkDeviceSize(s, 8192 * 2048 - 1)).toThrow(
      expect.objectContaining({code: 'device-too-small'}),
    );
  });

  test('of revision 0 has inodes of 128 bytes, whatever its field says', () => {
    const made = MemoryImage.make(4, ['-t', 'ext2', '-r', '0', '-O', 'none']);
    made.setSuperblock(0x58, 16, 77);
    expect(made.superblock).toMatchObject({inodeSize: 128, firstInode: 11, descriptorSize: 32});
  });

  test('with bigalloc counts groups in clusters', () => {
    const s = image(64, '-b', '1024', '-O', 'bigalloc', '-C', '8192').superblock;
    expect(s).toMatchObject({clusterSize: 8192, clusterBits: 3, firstDataBlock: 0, blocksPerGroup: 65536});
  });

  test('with more groups than can be looked at is refused', () => {
    const made = image(8, '-b', '1024', '-O', '^metadata_csum,^flex_bg,^resize_inode');
    // 2^23 groups of 8 blocks with 8 inodes each.
    made.setSuperblock(0x4, 32, 2 ** 26);
    for (const at of [0x20, 0x24, 0x28]) made.setSuperblock(at, 32, 8);
    made.setSuperblock(0x0, 32, 2 ** 26);
    expect(() => decodeSuperblock(made.bytes.slice(1024, 2048))).toThrow(
      expect.objectContaining({errno: 'EOPNOTSUPP', code: 'too-many-groups'}),
    );
  });
});

suite(title('group descriptors'), () => {
  const variants: Array<[what: string, size: number, args: string[]]> = [
    ['64 bytes with metadata_csum', 40, ['-b', '1024']],
    ['32 bytes with metadata_csum', 40, ['-b', '1024', '-O', '^64bit']],
    ['with uninit_bg', 40, ['-b', '1024', '-O', '^metadata_csum,uninit_bg,^64bit']],
    ['64 bytes with uninit_bg', 40, ['-b', '1024', '-O', '^metadata_csum,uninit_bg']],
    ['without checksums', 40, ['-b', '1024', '-O', '^metadata_csum,^uninit_bg']],
    ['in meta groups', 200, ['-b', '1024', '-O', 'meta_bg,^resize_inode']],
    [
      'in meta groups, blocks of 2 KiB',
      64,
      ['-b', '2048', '-g', '256', '-O', 'meta_bg,^resize_inode,^flex_bg'],
    ],
    ['without flex_bg', 40, ['-b', '1024', '-O', '^flex_bg']],
    [
      'with bigalloc in meta groups',
      64,
      ['-b', '1024', '-O', 'bigalloc,meta_bg,^resize_inode', '-C', '2048', '-g', '1024'],
    ],
  ];
  test.each(variants)('%s: all are sound', (_what, size, args) => {
    const made = image(size, ...args);
    const s = made.superblock;
    let free = 0;
    for (let group = 0; group < s.groupCount; group++) {
      const {block, offset} = descriptorPlace(s, group);
      const bytes = made.bytes.subarray(block * s.blockSize, (block + 1) * s.blockSize);
      free += decodeGroupDescriptor(s, group as GroupNumber, bytes, offset).freeClusters;
    }
    expect(s.groupCount).toBeGreaterThan(1);
    // s_free_blocks_count_lo
    expect(free * (s.clusterSize / s.blockSize)).toBe(made.view.getUint32(1024 + 0xc, true));
  });

  test('one changed field gets one error', () => {
    const s = image(40, '-b', '1024', '-O', '^metadata_csum,^uninit_bg').superblock;
    const d = new Uint8Array(64);
    const view = new DataView(d.buffer);
    const rows: Array<[at: number, value: number, code: string]> = [
      [0x0, 0, 'group-block-bitmap'],
      [0x0, s.blocksCount, 'group-block-bitmap'],
      [0x20, 1, 'group-block-bitmap'],
      [0x4, s.blocksCount, 'group-inode-bitmap'],
      [0x24, 0xffffffff, 'group-inode-bitmap'],
      [0x8, s.blocksCount - s.inodeTableBlocks + 1, 'group-inode-table'],
      [0x28, 0x10000, 'group-inode-table'],
    ];
    for (const [at, value, code] of rows) {
      d.fill(0);
      for (const [place, block] of [
        [0x0, 10],
        [0x4, 11],
        [0x8, 12],
      ] as const)
        view.setUint32(place, block, true);
      expect(decodeGroupDescriptor(s, 1 as GroupNumber, d, 0).inodeTable).toBe(12);
      view.setUint32(at, value, true);
      expect(() => decodeGroupDescriptor(s, 1 as GroupNumber, d, 0)).toThrow(
        expect.objectContaining({errno: 'EUCLEAN', code}),
      );
    }
  });

  test('a damaged one makes its own inodes unreadable, not those of other groups', () => {
    const made = image(40, '-b', '1024', '-O', '^resize_inode');
    const s = made.superblock;
    made.bytes[(2 * 1024 + s.descriptorSize + 3) | 0]! ^= 1;
    const volume = open(made);
    const first = s.inodesPerGroup + 1;
    expect(() => volume.context.inode(first as never)).toThrow(
      expect.objectContaining({
        errno: 'EBADMSG',
        code: 'group-checksum',
        details: expect.objectContaining({group: 1}),
      }),
    );
    expect(volume.context.inode((2 * s.inodesPerGroup + 1) as never).links).toBe(0);
  });

  test('backups are where sparse_super says', () => {
    const s = image(8, '-b', '1024').superblock;
    const groups = Array.from({length: 130}, (_, group) => group).filter((group) => groupHasSuper(s, group));
    expect(groups).toEqual([0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
    const two = {...s, features: {...s.features, sparseSuper2: true}, backupGroups: [1, 9] as const};
    expect([0, 1, 2, 3, 9].filter((group) => groupHasSuper(two, group))).toEqual([0, 1, 9]);
    const all = {...s, features: {...s.features, sparseSuper: false}};
    expect([0, 1, 2, 6].filter((group) => groupHasSuper(all, group))).toEqual([0, 1, 2, 6]);
  });
});
