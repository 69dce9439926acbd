import type {Random} from '../../support/random.js';

/** Numbers at which formats change their mind: limits, signs, sizes of records, magic numbers of ext4 and jbd2. */
const BYTES = [0, 1, 2, 4, 8, 11, 12, 0x7f, 0x80, 0xde, 0xfe, 0xff];
const WORDS = [...BYTES, 0x100, 0x400, 0x7fff, 0x8000, 0x8001, 0xf30a, 0xfffc, 0xffff];
const LONGS = [
  ...WORDS,
  0x10000,
  0x80000,
  0x7fffffff,
  0x80000000,
  0xfffffffe,
  0xffffffff,
  0xea020000,
  0xc03b3998,
];

type Operation = (input: Buffer, random: Random, other: Uint8Array) => Buffer;

function place(length: number, width: number, random: Random): number {
  return random.below(Math.max(1, Math.floor(length / width))) * width;
}

/** Most structures have their fields at multiples of their width, counted from a start that some inputs move by one or three. */
function aligned(input: Buffer, width: number, random: Random): number {
  const at = place(input.length, width, random) + random.pick([0, 0, 1, 3, 1]);
  return Math.max(0, Math.min(at, input.length - width));
}

const OPERATIONS: readonly Operation[] = [
  (input, random) => {
    const at = random.below(input.length);
    input[at] = input[at]! ^ (1 << random.below(8));
    return input;
  },
  (input, random) => {
    input[random.below(input.length)] = random.pick(BYTES);
    return input;
  },
  (input, random) => {
    const at = random.below(input.length);
    input[at] = input[at]! + random.pick([1, -1, 4, -4, 16]);
    return input;
  },
  (input, random) => {
    if (input.length < 2) return input;
    const at = aligned(input, 2, random);
    if (random.below(4) === 0) input.writeUInt16BE(random.pick(WORDS), at);
    else input.writeUInt16LE(random.pick(WORDS), at);
    return input;
  },
  (input, random) => {
    if (input.length < 4) return input;
    const at = aligned(input, 4, random);
    const value = random.below(5) === 0 ? random.u32() : random.pick(LONGS);
    if (random.below(4) === 0) input.writeUInt32BE(value, at);
    else input.writeUInt32LE(value, at);
    return input;
  },
  // A piece of another input, at the same place or at any.
  (input, random, other) => {
    const length = Math.min(1 << random.below(9), other.length, input.length);
    const from = random.below(other.length - length + 1);
    const to =
      random.below(2) === 0 ? Math.min(from, input.length - length) : random.below(input.length - length + 1);
    input.set(other.subarray(from, from + length), to);
    return input;
  },
  // A piece of itself, elsewhere.
  (input, random) => {
    const length = Math.min(1 << random.below(8), input.length);
    input.copy(
      input,
      random.below(input.length - length + 1),
      random.below(input.length - length + 1),
      length,
    );
    return input;
  },
  (input, random) => {
    const at = random.below(input.length);
    input.fill(random.pick([0, 0, 0xff]), at, Math.min(input.length, at + (1 << random.below(8))));
    return input;
  },
  (input, random) => input.subarray(0, 1 + random.below(input.length)),
  (input, random, other) => Buffer.concat([input, other.subarray(random.below(other.length))]),
];
/** Those that change the length come seldom: most formats have fixed places. */
const FIXED = OPERATIONS.length - 2;

/** A changed copy of an input. @param other another input, to take pieces from; not empty */
export function mutate(input: Uint8Array, other: Uint8Array, maxBytes: number, random: Random): Buffer {
  let changed: Buffer = input.length === 0 ? Buffer.alloc(1) : Buffer.from(input);
  for (let left = random.pick([1, 1, 2, 3, 5]); left > 0; left--) {
    const which = random.below(12) === 0 ? random.below(OPERATIONS.length) : random.below(FIXED);
    changed = OPERATIONS[which]!(changed, random, other);
  }
  return changed.subarray(0, maxBytes);
}
