import {describe, expect, test} from 'vitest';
import {decodeInode, type Inode} from '../../../src/ext4/inode.js';
import {maxFileSize} from '../../../src/ext4/inode-check.js';
import {INODE_FLAG} from '../../../src/ext4/inode-flags.js';
import {decodeSuperblock, type Superblock} from '../../../src/ext4/superblock.js';
import {superblockLayout} from '../../../src/ext4/superblock-layout.js';
import type {InodeNumber} from '../../../src/ext4/units.js';
import {sealInode} from './memory-image.js';

const EXTENTS = 0x40;
const FILETYPE = 0x2;

/** A sound superblock written by hand: one group, blocks of 4 KiB, inodes of 256 bytes, no checksums. */
function superblock(changes: Record<string, number> = {}): Superblock {
  const raw = superblockLayout.encode({
    s_magic: 0xef53,
    s_rev_level: 1,
    s_log_block_size: 2,
    s_log_cluster_size: 2,
    s_blocks_count_lo: 10_000,
    s_blocks_per_group: 32_768,
    s_clusters_per_group: 32_768,
    s_inodes_per_group: 64,
    s_inodes_count: 64,
    s_first_ino: 11,
    s_inode_size: 256,
    s_desc_size: 64,
    s_feature_incompat: EXTENTS | FILETYPE,
    s_feature_ro_compat: 0x8,
    s_checksum_type: 1,
    ...changes,
  });
  return decodeSuperblock(raw);
}

type Field = [at: number, bits: 16 | 32, value: number];

/** A regular file, with fields changed. */
function inode(fields: Field[], s: Superblock = superblock(), ino = 12): Inode {
  const raw = new Uint8Array(s.inodeSize);
  const d = new DataView(raw.buffer);
  d.setUint16(0x0, 0o100644, true);
  d.setUint16(0x1a, 1, true);
  if (raw.length > 128) d.setUint16(0x80, 32, true);
  for (const [at, bits, value] of fields) {
    if (bits === 16) d.setUint16(at, value, true);
    else d.setUint32(at, value, true);
  }
  return decodeInode(s, ino as InodeNumber, raw);
}

describe('times', () => {
  // Documentation/filesystems/ext4/inodes.rst, "Inode Timestamps".
  const rows: Array<[what: string, low: number, extra: number, seconds: number, nsec: number]> = [
    ['the first second of all', 0x80000000, 0, -0x80000000, 0],
    ['a second before 1970', 0xffffffff, 0, -1, 0],
    ['1970', 0, 0, 0, 0],
    ['the last second of 32 bits', 0x7fffffff, 0, 0x7fffffff, 0],
    ['the second after', 0x80000000, 1, 0x80000000, 0],
    ['epoch 1, low bits all set', 0xffffffff, 1, 0xffffffff, 0],
    ['epoch 2', 0x80000000, 2, 0x180000000, 0],
    ['the last second of all', 0x7fffffff, 3, 0x37fffffff, 0],
    ['nanoseconds', 5, (999_999_999 << 2) >>> 0, 5, 999_999_999],
    ['both', 0x80000000, ((1 << 2) | 1) >>> 0, 0x80000000, 1],
  ];
  test.each(rows)('%s', (_what, low, extra, seconds, nsec) => {
    const places = {
      ctime: [0xc, 0x84],
      mtime: [0x10, 0x88],
      atime: [0x8, 0x8c],
      crtime: [0x90, 0x94],
    } as const;
    for (const [name, [at, extraAt]] of Object.entries(places)) {
      const decoded = inode([
        [at, 32, low],
        [extraAt, 32, extra],
      ]) as unknown as Record<string, number>;
      expect([name, decoded[name], decoded[`${name}Nsec`]]).toEqual([name, seconds, nsec]);
    }
  });

  test('without room for the extra words there are none', () => {
    const fields: Field[] = [
      [0x80, 16, 4],
      [0x8, 32, 0xffffffff],
      [0x8c, 32, 0xffffffff],
      [0x90, 32, 9],
    ];
    expect(inode(fields)).toMatchObject({atime: -1, atimeNsec: 0, hasCrtime: false, crtime: 0});
    const small = superblock({s_inode_size: 128});
    expect(inode([[0x8, 32, 77]], small)).toMatchObject({atime: 77, atimeNsec: 0, hasCrtime: false});
  });

  test('an extra size of 0 counts as full, as in the kernel', () => {
    const decoded = inode([
      [0x80, 16, 0],
      [0x90, 32, 9],
      [0x9c, 32, 5],
    ]);
    expect(decoded).toMatchObject({hasCrtime: true, crtime: 9, projectId: 0});
  });
});

describe('fields', () => {
  const project = superblock({s_feature_ro_compat: 0x2008});
  const wide = superblock({
    s_feature_incompat: 0x80 | EXTENTS,
    s_blocks_count_hi: 3,
    s_inodes_count: 64 * 393217,
  });
  const rows: Array<[what: string, fields: Field[], expected: Partial<Inode>, s?: Superblock]> = [
    [
      'owners have 32 bits',
      [
        [0x2, 16, 1],
        [0x78, 16, 2],
        [0x18, 16, 3],
        [0x7a, 16, 0xffff],
      ],
      {uid: 0x20001, gid: 0xffff0003},
    ],
    [
      'owners have 16 bits with bsddf of old',
      [
        [0x2, 16, 1],
        [0x78, 16, 2],
      ],
      {uid: 1},
      superblock({s_default_mount_opts: 0x20}),
    ],
    [
      'a file has 48 bits of size',
      [
        [0x4, 32, 5],
        [0x6c, 32, 0x7ff],
        [0x20, 32, INODE_FLAG.extents],
      ],
      {size: 0x7ff00000005},
    ],
    [
      'a directory has 32',
      [
        [0x0, 16, 0o40755],
        [0x4, 32, 4096],
        [0x6c, 32, 7],
      ],
      {size: 4096},
    ],
    [
      'a directory has more with large_dir',
      [
        [0x0, 16, 0o40755],
        [0x4, 32, 4096],
        [0x6c, 32, 1],
      ],
      {size: 0x100001000},
      superblock({s_feature_incompat: EXTENTS | 0x4000}),
    ],
    [
      'blocks have 48 bits',
      [
        [0x1c, 32, 8],
        [0x74, 16, 1],
      ],
      {blocks512: 0x100000008},
    ],
    [
      'a huge file counts whole blocks',
      [
        [0x1c, 32, 8],
        [0x20, 32, INODE_FLAG.hugeFile],
      ],
      {blocks512: 64},
    ],
    [
      'without huge_file neither',
      [
        [0x1c, 32, 8],
        [0x74, 16, 1],
        [0x20, 32, INODE_FLAG.hugeFile],
      ],
      {blocks512: 8},
      superblock({s_feature_ro_compat: 0}),
    ],
    [
      'a file inside its inode looks like data',
      [
        [0x4, 32, 513],
        [0x20, 32, INODE_FLAG.inlineData],
      ],
      {blocks512: 2},
    ],
    [
      'version has 64 bits',
      [
        [0x24, 32, 7],
        [0x98, 32, 1],
      ],
      {version: 0x100000007},
    ],
    ['a project needs the feature', [[0x9c, 32, 7]], {projectId: 0}],
    ['a project', [[0x9c, 32, 7]], {projectId: 7}, project],
    [
      'a project needs room',
      [
        [0x9c, 32, 7],
        [0x80, 16, 28],
      ],
      {projectId: 0},
      project,
    ],
    [
      'an xattr block has 32 bits',
      [
        [0x68, 32, 9],
        [0x76, 16, 1],
      ],
      {fileAcl: 9 as never},
    ],
    [
      'and 48 with 64bit',
      [
        [0x68, 32, 9],
        [0x76, 16, 1],
      ],
      {fileAcl: 0x100000009 as never},
      wide,
    ],
    [
      'a device of old numbers',
      [
        [0x0, 16, 0o20600],
        [0x28, 32, 0x0103],
      ],
      {rdevMajor: 1, rdevMinor: 3},
    ],
    [
      'a device of new numbers',
      [
        [0x0, 16, 0o60600],
        [0x2c, 32, 0x12345678],
      ],
      {rdevMajor: 0x456, rdevMinor: 0x12378},
    ],
    ['no device', [[0x28, 32, 0x0103]], {rdevMajor: 0, rdevMinor: 0}],
    [
      'deletion',
      [
        [0x14, 32, 99],
        [0x1a, 16, 0],
      ],
      {links: 0, deletionTime: 99},
    ],
    [
      'an inode never used',
      [
        [0x0, 16, 0],
        [0x1a, 16, 0],
      ],
      {mode: 0, links: 0},
    ],
  ];
  test.each(rows)('%s', (_what, fields, expected, s) => {
    expect(inode(fields, s)).toMatchObject(expected);
  });
});

describe('what can not be is refused', () => {
  const rows: Array<[what: string, fields: Field[], code: string, s?: Superblock, ino?: number]> = [
    ['extra fields beyond the inode', [[0x80, 16, 132]], 'inode-extra-size'],
    ['an extra size that is no multiple of four', [[0x80, 16, 30]], 'inode-extra-size'],
    ['no type', [[0x0, 16, 0o644]], 'inode-mode'],
    ['two types', [[0x0, 16, 0o170644]], 'inode-mode'],
    [
      'an immutable symlink',
      [
        [0x0, 16, 0o120777],
        [0x20, 32, 0x10],
      ],
      'inode-symlink-flags',
    ],
    [
      'an append-only symlink',
      [
        [0x0, 16, 0o120777],
        [0x20, 32, 0x20],
      ],
      'inode-symlink-flags',
    ],
    ['a casefold flag without the feature', [[0x20, 32, INODE_FLAG.casefold]], 'inode-casefold-flag'],
    [
      'extents and inline data at once',
      [[0x20, 32, INODE_FLAG.extents | INODE_FLAG.inlineData]],
      'inode-inline-extents',
    ],
    ['an xattr block outside', [[0x68, 32, 10_000]], 'inode-xattr-block'],
    ['a size below zero', [[0x6c, 32, 0x80000000]], 'inode-size'],
    [
      'a size above what extents reach',
      [
        [0x6c, 32, 0x1000],
        [0x20, 32, INODE_FLAG.extents],
      ],
      'inode-size',
    ],
    ['a size above what indirect blocks reach', [[0x6c, 32, 0x500]], 'inode-size'],
    ['a root that is a file', [], 'root-not-directory', superblock(), 2],
  ];
  test.each(rows)('%s', (_what, fields, code, s, ino) => {
    expect(() => inode(fields, s, ino)).toThrow(expect.objectContaining({errno: 'EUCLEAN', code}));
  });

  test('an index without dir_index, where blocks have checksums', () => {
    // Made by another system than Linux, so that the inode itself has none.
    const other = superblock({s_creator_os: 3});
    const s = {...other, features: {...other.features, metadataCsum: true}};
    const fields: Field[] = [
      [0x0, 16, 0o40755],
      [0x20, 32, INODE_FLAG.index],
    ];
    expect(() => inode(fields, s)).toThrow(expect.objectContaining({code: 'inode-index-flag'}));
  });
});

describe('checksum', () => {
  // Made without sealing the superblock: only its decoded form is needed.
  const base = superblock();
  for (const [what, size, extra] of [
    ['128 bytes', 128, 0],
    ['256 bytes', 256, 32],
    ['256 bytes, without room for its upper half', 256, 0],
  ] as const) {
    test(`${what}: every byte counts`, () => {
      const s = {
        ...base,
        inodeSize: size,
        checksumSeed: 0xabcdef,
        features: {...base.features, metadataCsum: true},
      };
      const raw = new Uint8Array(size);
      const d = new DataView(raw.buffer);
      d.setUint16(0x0, 0o100644, true);
      d.setUint16(0x1a, 1, true);
      if (size > 128) d.setUint16(0x80, extra, true);
      sealInode(s, 12, raw);
      expect(decodeInode(s, 12 as InodeNumber, raw).links).toBe(1);
      for (let at = 0; at < size; at++) {
        // Another extra size is refused before the checksum is looked at.
        if (size > 128 && (at === 0x80 || at === 0x81)) continue;
        raw[at]! ^= 0x10;
        expect(() => decodeInode(s, 12 as InodeNumber, raw), `byte ${at}`).toThrow(
          expect.objectContaining({errno: 'EBADMSG', code: 'inode-checksum'}),
        );
        raw[at]! ^= 0x10;
      }
      expect(() => decodeInode(s, 13 as InodeNumber, raw)).toThrow(
        expect.objectContaining({errno: 'EBADMSG'}),
      );
    });
  }
});

test('largest files are those of the kernel', () => {
  // Values of s_maxbytes and s_bitmap_maxbytes of fs/ext4/super.c, with and without huge_file.
  const rows: Array<[log: number, huge: boolean, extents: number, indirect: number]> = [
    [0, true, 4_398_046_510_080, 17_247_252_480],
    [2, true, 17_592_186_040_320, 4_402_345_721_856],
    [2, false, 2_199_023_251_456, 2_196_873_666_560],
  ];
  for (const [log, huge, extents, indirect] of rows) {
    const s = superblock({
      s_log_block_size: log,
      s_log_cluster_size: log,
      s_first_data_block: log === 0 ? 1 : 0,
      s_blocks_per_group: 8192,
      s_clusters_per_group: 8192,
      s_inodes_count: 128,
      s_feature_ro_compat: huge ? 8 : 0,
    });
    expect([maxFileSize(s, true), maxFileSize(s, false)]).toEqual([extents, indirect]);
  }
});
