import type {BlockSource} from '../../../src/block/index.js';
import {
  decodeSuperblock,
  FORMAT,
  HOLE,
  type Piece,
  type Superblock,
  VERSION,
  Volume,
} from '../../../src/stripefs/index.js';
import {attempt, must, type Target} from './target.js';

const target = new Uint8Array(70_000);

/** A member that has as many bytes as its superblock says, and takes no note of how far a read goes in any other way than by this. */
function member(size: number): BlockSource {
  return {
    size,
    read: (_target, _offset, length, position) => {
      must(position >= 0 && position + length <= size, `a read of ${length} bytes at ${position} of ${size}`);
      return length;
    },
  };
}

function openVolume(superblock: Superblock): Volume {
  return Volume.open(superblock, new Map(superblock.members.map(({path, size}) => [path, member(size)])));
}

/** Whatever a superblock says: no read leaves a member, and the tree is one. */
function examine(bytes: Uint8Array): void {
  const superblock = attempt(() => decodeSuperblock(bytes));
  if (superblock === undefined) return;
  const volume = openVolume(superblock);
  const piece: Piece = {member: HOLE, address: 0, length: 0};
  for (const node of superblock.nodes) {
    must(volume.node(node.ino) === node && volume.node(node.parent).children !== undefined, 'no tree');
    must(node.ino === 1 || volume.lookup(volume.node(node.parent), node.name) === node, 'a lost name');
    must((node.mode & ~0o7777) === 0, `mode ${node.mode}`);
    const {layout, size} = node;
    if (layout === undefined) continue;
    must(layout.length >= size && Number.isSafeInteger(layout.length), `${layout.length} bytes for ${size}`);
    for (const offset of [0, 1, Math.floor(size / 2), size - 1, layout.length - 1]) {
      if (offset < 0 || offset >= layout.length) continue;
      layout.locate(offset, piece);
      must(piece.length > 0 && offset + piece.length <= layout.length, `a piece of ${piece.length} bytes`);
      volume.read(node, offset, target);
      for (const wanted of ['data', 'hole'] as const) {
        const found = attempt(() => volume.seek(node, offset, wanted));
        must(found === undefined || (found >= offset && found <= size), `${wanted} at ${found}`);
      }
    }
  }
}

/** Superblocks of stripefs as text. */
export const stripefsSuperblock: Target = {name: 'stripefs-superblock', maxBytes: 4096, run: examine};

const NUMBERS = [
  ...[0, 1, 511, 512, 1024, 1536, 2048, 4096, 8192, 65_536, 2 ** 20, 2 ** 30, 2 ** 31, 2 ** 32],
  ...[2 ** 51, 2 ** 52 - 512, 2 ** 52, 2 ** 53 - 512, 2 ** 53, -512, 0.5],
];
const TYPES = ['linear', 'striped', 'hole'];
const MOST_FILES = 8;

/** Superblocks whose text is sound, and whose numbers the input chooses: what lies behind the parser. */
export const stripefsLayout: Target = {
  name: 'stripefs-layout',
  maxBytes: 256,
  run(bytes) {
    let at = 0;
    const next = (): number => bytes[at++] ?? 0;
    const number = (): number => {
      const choice = next();
      // Half of them are small multiples of a block, which fit together often.
      return choice < 128 ? 512 * choice : NUMBERS[choice % NUMBERS.length]!;
    };
    const strip = (): object => ({member: next() % 5, offset: number()});
    const extent = (): object => {
      const type = TYPES[next() % 3]!;
      const length = number();
      if (type === 'hole') return {type, length};
      if (type === 'linear') return {type, length, ...strip()};
      return {type, length, chunk: 512 << (next() % 20), strips: Array.from({length: next() % 6}, strip)};
    };
    const owner = {mode: '0644', uid: 0, gid: 0, mtime: 0};
    const sharedExtents = next() % 2 === 0;
    const members = Array.from({length: next() % 5}, (_, index) => ({path: `${index}`, size: number()}));
    const entries: object[] = [];
    while (at < bytes.length && entries.length < MOST_FILES) {
      const [size, count] = [number(), next() % 5];
      const extents = Array.from({length: count}, extent);
      entries.push({name: `${entries.length}`, type: 'file', ...owner, size, extents});
    }
    const root = {type: 'directory', ...owner, entries};
    const text = {format: FORMAT, version: VERSION, blockSize: 512, sharedExtents, members, root};
    examine(Buffer.from(JSON.stringify(text)));
  },
};
