import type {Place} from './errors.js';
import {Fields, listOf, powerOfTwo} from './fields.js';
import {CHUNK_MOST_BYTES, MOST_BYTES, MOST_STRIPS} from './limits.js';

/** Where a strip lies: on which member, and from which of its bytes on. */
export interface Strip {
  readonly member: number;
  readonly offset: number;
}

/**
 * A part of a file: `length` bytes, a whole number of blocks. What is linear is one strip; of what is striped, chunk `n` is chunk
 * `floor(n / strips)` of strip `n mod strips`; a hole has no strip and reads as zeros.
 */
export interface Extent {
  readonly length: number;
  /** Bytes, a power of two; of no meaning with fewer than two strips. */
  readonly chunk: number;
  readonly strips: readonly Strip[];
}

/** Bytes of a member that an extent takes. */
export interface Span {
  readonly member: number;
  readonly start: number;
  /** The byte behind the last. */
  readonly end: number;
}

/** What the numbers in extents are held against. */
export interface Ground {
  readonly blockSize: number;
  readonly members: number;
}

const FIELDS: Readonly<Record<string, ReadonlySet<string>>> = {
  linear: new Set(['type', 'length', 'member', 'offset']),
  striped: new Set(['type', 'length', 'chunk', 'strips']),
  hole: new Set(['type', 'length']),
};
const STRIP_FIELDS: ReadonlySet<string> = new Set(['member', 'offset']);

function strip(fields: Fields, {blockSize, members}: Ground): Strip {
  return {
    member: fields.number('member', 0, members - 1),
    offset: fields.aligned('offset', blockSize, 0, MOST_BYTES),
  };
}

/** @throws StripefsError */
export function decodeExtent(value: unknown, place: Place, ground: Ground): Extent {
  const type = (value as {type?: unknown} | null)?.type;
  if (typeof type !== 'string' || !Object.hasOwn(FIELDS, type)) {
    return place.field('type').refuse('extent-type', 'must be "linear", "striped" or "hole"');
  }
  const fields = new Fields(value, place, FIELDS[type]!);
  const {blockSize} = ground;
  const length = fields.aligned('length', blockSize, blockSize, MOST_BYTES);
  if (type === 'hole') return {length, chunk: blockSize, strips: []};
  if (type === 'linear') return {length, chunk: blockSize, strips: [strip(fields, ground)]};
  const chunk = powerOfTwo(fields.get('chunk'), place.field('chunk'), {
    least: blockSize,
    most: CHUNK_MOST_BYTES,
  });
  const at = place.field('strips');
  const list = listOf(fields.get('strips'), at, MOST_STRIPS);
  if (list.length === 0) at.refuse('list', 'must have an item at least');
  const strips = list.map((each, index) => strip(new Fields(each, at.item(index), STRIP_FIELDS), ground));
  return {length, chunk, strips};
}

/**
 * The bytes that each strip takes, one span a strip, in their order; a strip that the extent is too short for has an empty one.
 * Chunks are dealt out in turn, so strip `i` of `n` has every chunk `i + k*n` there is, and the last chunk may be a part of one.
 */
export function spansOf({length, chunk, strips}: Extent): Span[] {
  if (strips.length === 1) {
    const {member, offset} = strips[0]!;
    return [{member, start: offset, end: offset + length}];
  }
  const chunks = Math.ceil(length / chunk);
  const lacking = (chunk - (length % chunk)) % chunk;
  const last = (chunks - 1) % strips.length;
  return strips.map(({member, offset}, index) => {
    const own = Math.floor(chunks / strips.length) + (index < chunks % strips.length ? 1 : 0);
    return {member, start: offset, end: offset + own * chunk - (index === last ? lacking : 0)};
  });
}
