import type {DamageBench} from './bench.js';
import type {Damage} from './damage.js';

const IMAGE = 'mutant-indirect';
const FILE = 'indirect/all-levels';

/** i_block[12], [13], [14]: the single, double and triple indirect block. */
const pointer = (number: number): number => 0x28 + 4 * number;

function first(bench: DamageBench) {
  return bench.blocks(FILE, 'mapping block')[0]!;
}

/** In images without checksums, all that is checked is whether a pointer can be. */
export const INDIRECT_DAMAGES: readonly Damage[] = [
  {
    name: 'an indirect block that holds itself',
    image: IMAGE,
    make: (bench) =>
      bench.edit(first(bench), (bytes) => bytes.writeUInt32LE(bench.numberOf(first(bench)), 0)),
    // One block of a file is as good as another: what is read is the pointers.
    answers: [[(ask) => ask.read(FILE), /^\d+$/]],
    judge: /claimed|duplicate/i,
  },
  {
    name: 'a triple indirect block that is the single one',
    image: IMAGE,
    make: (bench) =>
      bench.edit(bench.inode(FILE), (inode) =>
        inode.writeUInt32LE(bench.numberOf(first(bench)), pointer(14)),
      ),
    answers: [
      [(ask) => ask.seek(FILE, 'hole'), /^\d+$/],
      [(ask) => ask.read(FILE), /^(\d+|EUCLEAN indirect-blocks)$/],
    ],
    judge: /claimed|illegal|Illegal/i,
  },
  {
    name: 'a pointer past the end of the file system',
    image: IMAGE,
    make: (bench) => bench.edit(first(bench), (bytes) => bytes.writeUInt32LE(0xffffffff, 8)),
    answers: [[(ask) => ask.read(FILE), 'EUCLEAN indirect-blocks']],
    judge: /illegal/i,
  },
  {
    name: 'a pointer to the inode table',
    image: IMAGE,
    make: (bench) => {
      const table = bench.image.readUInt32LE(bench.group(0).start + 8);
      bench.edit(first(bench), (bytes) => bytes.writeUInt32LE(table, 8));
    },
    answers: [[(ask) => ask.read(FILE), 'EUCLEAN indirect-blocks']],
    judge: /claimed|conflict|illegal/i,
  },
  {
    name: 'an indirect block past the end of the file system',
    image: IMAGE,
    make: (bench) => bench.edit(bench.inode(FILE), (inode) => inode.writeUInt32LE(0x7fffffff, pointer(12))),
    answers: [[(ask) => ask.read(FILE), 'EUCLEAN indirect-blocks']],
    judge: /illegal/i,
  },
];
