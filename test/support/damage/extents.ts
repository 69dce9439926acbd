import type {DamageBench} from './bench.js';
import type {Damage} from './damage.js';

const IMAGE = 'mutant-checksums';
/** A file whose map is an index of two leaves, each with 84 extents of one block. */
const STRIPES = 'fragmented/stripes';
/** A file whose map is one extent in the inode. */
const PLAIN = 'sizes/65536';
/** i_block, where the root of an extent tree lies. */
const ROOT = 0x28;

function leaf(bench: DamageBench, number = 0) {
  return bench.blocks(STRIPES, 'mapping block')[number]!;
}

/** Byte of an entry in a node. */
const entry = (number: number): number => 12 + 12 * number;

function inLeaf(
  name: string,
  change: (node: Buffer) => void,
  answer: string,
  judge: RegExp | undefined,
): Damage {
  return {
    name,
    image: IMAGE,
    make: (bench) => bench.edit(leaf(bench), change),
    answers: [
      [(ask) => ask.read(STRIPES), answer],
      [(ask) => ask.seek(STRIPES, 'hole'), answer],
      [(ask) => ask.stat(STRIPES), '244736'],
    ],
    judge,
  };
}

/** The kernel looks at the root when it reads the inode, so that already stat fails. */
function inRoot(
  name: string,
  change: (root: Buffer, bench: DamageBench) => void,
  answer: string,
  judge: RegExp | undefined,
): Damage {
  return {
    name,
    image: IMAGE,
    make: (bench) => bench.edit(bench.inode(PLAIN), (inode) => change(inode.subarray(ROOT), bench)),
    answers: [
      [(ask) => ask.stat(PLAIN), answer],
      [(ask) => ask.lookup('sizes', '65536'), answer],
      [(ask) => ask.list('sizes'), '39'],
    ],
    judge,
  };
}

export const EXTENT_DAMAGES: readonly Damage[] = [
  {
    name: 'an index of extents that leads to itself',
    image: IMAGE,
    make: (bench) => {
      const node = leaf(bench);
      bench.edit(node, (bytes) => {
        bytes.writeUInt16LE(1, 2);
        bytes.writeUInt16LE(1, 6);
        bytes.writeUInt32LE(0, entry(0));
        bytes.writeUInt32LE(bench.numberOf(node), entry(0) + 4);
        bytes.writeUInt32LE(0, entry(0) + 8);
      });
      bench.edit(bench.inode(STRIPES), (inode) => inode.writeUInt16LE(2, ROOT + 6));
    },
    answers: [[(ask) => ask.read(STRIPES), 'EUCLEAN extent-level']],
    judge: /extent/i,
  },
  {
    name: 'two entries of an index that share one leaf',
    image: IMAGE,
    make: (bench) =>
      bench.edit(bench.inode(STRIPES), (inode) =>
        inode.writeUInt32LE(bench.numberOf(leaf(bench)), ROOT + entry(1) + 4),
      ),
    answers: [[(ask) => ask.read(STRIPES), 'EUCLEAN extent-parent']],
    judge: /extent/i,
  },
  inLeaf(
    'more extents than the node says it has room for',
    (node) => node.writeUInt16LE(85, 2),
    'EUCLEAN extent-count',
    /extent/i,
  ),
  inLeaf(
    'a node with room past its block',
    (node) => {
      node.writeUInt16LE(400, 2);
      node.writeUInt16LE(400, 4);
    },
    'EUCLEAN extent-capacity',
    /extent/i,
  ),
  inLeaf(
    'a leaf that says it is an index',
    (node) => node.writeUInt16LE(1, 6),
    'EUCLEAN extent-level',
    undefined,
  ),
  inLeaf(
    'overlapping extents',
    (node) => node.writeUInt16LE(3, entry(0) + 4),
    'EUCLEAN extent-order',
    /extent|Extent/,
  ),
  inLeaf(
    'extents out of order',
    (node) => {
      const first = Buffer.from(node.subarray(entry(3), entry(4)));
      node.copy(node, entry(3), entry(7), entry(8));
      node.set(first, entry(7));
    },
    'EUCLEAN extent-order',
    /extent|Extent/,
  ),
  inLeaf(
    'an extent of no blocks',
    (node) => node.writeUInt16LE(0, entry(2) + 4),
    'EUCLEAN extent-length',
    /extent|Extent/,
  ),
  inLeaf(
    'an extent at the inode table',
    (node) => node.writeUInt32LE(300, entry(1) + 8),
    'EUCLEAN extent-blocks',
    /Multiply-claimed|multiply-claimed|Illegal|conflict|extent/i,
  ),
  inLeaf(
    'an extent past the end of the file system',
    (node) => node.writeUInt32LE(8_191, entry(2) + 8) && node.writeUInt16LE(0x7fff, entry(1) + 6),
    'EUCLEAN extent-blocks',
    /invalid|Invalid|extent/,
  ),
  inLeaf(
    'an extent of the journal',
    (node) => node.writeUInt32LE(0, entry(4) + 8),
    'EUCLEAN extent-blocks',
    /invalid|extent/i,
  ),
  inLeaf(
    'a node without its magic number',
    (node) => node.writeUInt16LE(0xf30b, 0),
    'EUCLEAN extent-magic',
    /extent/i,
  ),
  inRoot(
    'a tree deeper than five',
    (root) => root.writeUInt16LE(6, 6),
    'EUCLEAN extent-depth',
    /extent|Extent/,
  ),
  inRoot(
    'a tree of depth 65535',
    (root) => root.writeUInt16LE(0xffff, 6),
    'EUCLEAN extent-depth',
    /extent|Extent/,
  ),
  inRoot(
    'more extents than an inode holds',
    (root) => root.writeUInt16LE(5, 2),
    'EUCLEAN extent-count',
    /extent|Extent/,
  ),
  inRoot(
    'a root with room past the inode',
    (root) => root.writeUInt16LE(0xffff, 4),
    'EUCLEAN extent-capacity',
    /extent|Extent/,
  ),
  inRoot(
    'an index without entries',
    (root) => {
      root.writeUInt16LE(0, 2);
      root.writeUInt16LE(3, 6);
    },
    'EUCLEAN extent-index-empty',
    /extent|Extent|i_size|i_blocks/,
  ),
  inRoot(
    'an extent at block 0',
    (root) => root.writeUInt32LE(0, entry(0) + 8),
    'EUCLEAN extent-blocks',
    /extent|Extent|invalid|Illegal/,
  ),
  inRoot(
    "an extent at the superblock's block",
    (root) => root.writeUInt32LE(1, entry(0) + 8),
    'EUCLEAN extent-blocks',
    /claimed|extent|Illegal/i,
  ),
  inRoot(
    'an extent at the inode table',
    (root, bench) => root.writeUInt32LE(bench.image.readUInt32LE(bench.group(0).start + 8), entry(0) + 8),
    'EUCLEAN extent-blocks',
    /claimed|conflict|Illegal|extent/i,
  ),
  inRoot(
    'an extent in the journal',
    (root, bench) => root.writeUInt32LE(bench.numberOf(bench.journal()[5]!), entry(0) + 8),
    'EUCLEAN extent-blocks',
    /claimed/i,
  ),
  inRoot(
    'an extent that ends past block 2^32',
    (root) => {
      root.writeUInt32LE(0xffffffff, entry(0));
    },
    'EUCLEAN extent-length',
    /extent|Extent|i_size|invalid/,
  ),
];
