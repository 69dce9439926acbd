import type {ChecksumFixer} from './checksums.js';
import type {Random} from './random.js';
import type {Structure} from './structures.js';

/** Bytes to be put at a position of an image. */
export interface Change {
  position: number;
  bytes: Buffer;
}

/** One case: what is changed, and a sentence for people. */
export interface Mutation {
  changes: Change[];
  /** The structures they are in. */
  structures: Structure[];
  description: string;
}

const BYTES = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff];
const WORDS = [0, 1, 2, 3, 7, 8, 11, 12, 0x7f, 0xff, 0x100, 0x7fff, 0x8000, 0xfffc, 0xffff];
const LONG_WORDS = [...WORDS, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** A structure of a kind picked first, so that rare kinds are changed as often as frequent ones. */
function pickStructure(structures: readonly Structure[], random: Random): Structure {
  const kinds = [...new Set(structures.map((structure) => structure.kind))];
  const kind = random.pick(kinds);
  return random.pick(structures.filter((structure) => structure.kind === kind));
}

type Operation = (
  image: Uint8Array,
  structure: Structure,
  random: Random,
  all: readonly Structure[],
) => Change;

function current(image: Uint8Array, position: number, length: number): Buffer {
  return Buffer.from(image.subarray(position, position + length));
}

/** A position inside a structure at which `width` bytes fit, aligned to them. Half of them are near the start, where headers are. */
function place({start, length}: Structure, width: number, random: Random): number {
  const reach = random.below(2) === 0 ? Math.min(length, 64) : length;
  return start + random.below(Math.max(1, Math.floor(reach / width))) * width;
}

const OPERATIONS: Record<string, Operation> = {
  'bit flipped': (image, structure, random) => {
    const position = place(structure, 1, random);
    const bytes = current(image, position, 1);
    bytes[0] = bytes[0]! ^ (1 << random.below(8));
    return {position, bytes};
  },
  'byte set': (_image, structure, random) => ({
    position: place(structure, 1, random),
    bytes: Buffer.of(random.pick(BYTES)),
  }),
  'byte counted': (image, structure, random) => {
    const position = place(structure, 1, random);
    const bytes = current(image, position, 1);
    bytes[0] = (bytes[0]! + random.pick([1, -1, 4, -4])) & 0xff;
    return {position, bytes};
  },
  'word set': (_image, structure, random) => {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(random.pick(WORDS));
    return {position: place(structure, 2, random), bytes};
  },
  'long word set': (_image, structure, random) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(random.below(4) === 0 ? random.u32() : random.pick(LONG_WORDS));
    return {position: place(structure, 4, random), bytes};
  },
  'long word from elsewhere': (image, structure, random, all) => {
    const other = pickStructure(all, random);
    return {position: place(structure, 4, random), bytes: current(image, place(other, 4, random), 4)};
  },
  'piece from elsewhere': (image, structure, random, all) => {
    const other = pickStructure(all, random);
    const length = Math.min(structure.length, other.length, 1 << random.below(11));
    return {
      position: place({...structure, length: structure.length - length + 1}, 4, random),
      bytes: current(image, other.start, length),
    };
  },
  'replaced by noise': (_image, structure, random) => {
    const length = Math.min(structure.length, 1 << random.below(11));
    return {position: structure.start, bytes: random.bytes(length)};
  },
  zeroed: (_image, structure, random) => {
    const position = place(structure, 4, random);
    const length = Math.min(structure.start + structure.length - position, 1 << random.below(11));
    return {position, bytes: Buffer.alloc(length)};
  },
};
const NAMES = Object.keys(OPERATIONS);

/** One to three random changes; the same numbers give the same mutation. Nothing is written here. */
export function randomMutation(
  image: Uint8Array,
  structures: readonly Structure[],
  random: Random,
): Mutation {
  const changes: Change[] = [];
  const changed: Structure[] = [];
  const words: string[] = [];
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0; left--) {
    const structure = pickStructure(structures, random);
    const name = random.pick(NAMES);
    const change = OPERATIONS[name]!(image, structure, random, structures);
    if (change.position + change.bytes.length > image.length) continue;
    changes.push(change);
    changed.push(structure);
    const owner = structure.ino === 0 ? '' : ` of inode ${structure.ino}`;
    const offset = change.position - structure.start;
    words.push(
      `${structure.kind}${owner} +0x${offset.toString(16)}: ${name} (${change.bytes.toString('hex').slice(0, 16)})`,
    );
  }
  return {changes, structures: changed, description: words.join('; ')};
}

/** All changes of single bits of a structure, and of each byte to 0 and 0xff: the part that leaves nothing out. */
export function* everyByte(image: Uint8Array, structure: Structure): Generator<Mutation> {
  for (let offset = 0; offset < structure.length; offset++) {
    const position = structure.start + offset;
    const old = image[position]!;
    const values = new Set([0, 0xff, ...Array.from({length: 8}, (_, bit) => old ^ (1 << bit))]);
    values.delete(old);
    for (const value of values) {
      const description = `${structure.kind} +0x${offset.toString(16)}: 0x${old.toString(16)} to 0x${value.toString(16)}`;
      yield {changes: [{position, bytes: Buffer.of(value)}], structures: [structure], description};
    }
  }
}

/**
 * Applies a mutation and returns what undoes it. With a fixer the checksums of the changed structures are made to fit,
 * so that what lies behind them is reached.
 */
export function apply(image: Uint8Array, {changes, structures}: Mutation, fixer?: ChecksumFixer): () => void {
  const sealed = fixer === undefined ? [] : structures.flatMap((structure) => fixer.sealedIn(structure));
  const before = [
    ...[...structures, ...sealed].map(({start, length}) => ({
      position: start,
      bytes: current(image, start, length),
    })),
    ...changes.map(({position, bytes}) => ({position, bytes: current(image, position, bytes.length)})),
  ];
  for (const {position, bytes} of changes) image.set(bytes, position);
  for (const structure of structures) fixer?.fix(structure);
  return () => {
    for (const {position, bytes} of before.reverse()) image.set(bytes, position);
  };
}
