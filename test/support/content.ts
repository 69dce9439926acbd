import {createHash} from 'node:crypto';

/** First byte and the byte after the last. */
export type Range = readonly [start: number, end: number];

/** Fills `target` from a position of the file; returns how many bytes there were. */
export type ReadAt = (target: Uint8Array, position: number) => number;

/** Larger files are hashed by their data ranges and by samples of their holes. */
const WHOLE_LIMIT = 16 << 20;
const HOLE_SAMPLES = 32;
const SAMPLE = 4096;
const chunk = Buffer.alloc(1 << 20);

/**
 * A hash of a file's content. Up to 16 MiB it covers every byte. Beyond, it covers the ranges given and their
 * positions, and pieces from the middle and both ends of up to 32 holes; so files of terabytes can be compared.
 */
export function hashContent(read: ReadAt, size: number, ranges: readonly Range[]): string {
  if (read(chunk.subarray(0, 1), size) !== 0) throw new Error(`data after the end, at ${size}`);
  if (size === 0) return 'empty';
  const hash = createHash('sha256');
  const add = (start: number, end: number): void => {
    for (let at = start; at < end; ) {
      const want = Math.min(chunk.length, end - at);
      const count = read(chunk.subarray(0, want), at);
      if (count !== want) throw new Error(`read ${count} of ${want} bytes at ${at} of ${size}`);
      hash.update(chunk.subarray(0, count));
      at += count;
    }
  };
  if (size <= WHOLE_LIMIT) add(0, size);
  else {
    for (const [start, end] of ranges) {
      hash.update(`${start}-${end}:`);
      add(start, Math.min(end, size));
    }
    for (const [start, end] of holesBetween(ranges, size).slice(0, HOLE_SAMPLES)) {
      const middle = start + Math.floor((end - start) / 2);
      for (const at of [start, middle, Math.max(start, end - SAMPLE)]) add(at, Math.min(end, at + SAMPLE));
    }
  }
  return hash.digest('hex');
}

function holesBetween(ranges: readonly Range[], size: number): Range[] {
  const holes: Range[] = [];
  let at = 0;
  for (const [start, end] of ranges) {
    if (start > at) holes.push([at, start]);
    at = end;
  }
  if (size > at) holes.push([at, size]);
  return holes;
}
