/**
 * How much a held mapping is worth, in a byte: a credit of 0 to 7 that the sweep looking for room takes from, and two marks.
 *
 * Order: the sweep goes around. What was used since it last came by gains 2, however often; what was not loses 1, and what has nothing
 * left to lose goes. So a mapping stays by how regularly it is used and not by when it came. What covers much or was dear to find starts
 * with more. What is asked for several times in a row was asked for once: whoever reads a whole file leaves nothing of value behind.
 */
export const MOST_CREDIT = 7;
const GAIN = 2;
/** Came in since the sweep was here: it loses nothing this time. */
const FRESH = 0x40;
/** Used since the sweep was here. */
export const USED = 0x80;

/** Bytes covered from which on a mapping starts with a credit, and with two. */
const LONG = 1 << 20;
const VERY_LONG = 1 << 26;
/** Pieces of a file's map looked at to find a mapping, from which on it starts with one more, and with two. */
const DEAR = 16;
const VERY_DEAR = 1024;

/** Usage of a mapping that comes in. @param cost how many pieces of a file's map had to be looked at for it */
export function newUsage(length: number, cost: number): number {
  const reach = length >= VERY_LONG ? 2 : length >= LONG ? 1 : 0;
  const effort = cost >= VERY_DEAR ? 2 : cost >= DEAR ? 1 : 0;
  return FRESH | (reach + effort);
}

/** Usage after the sweep came by; -1 when it takes the mapping. */
export function sweptUsage(usage: number): number {
  const credit = usage & MOST_CREDIT;
  if ((usage & USED) !== 0) return Math.min(credit + GAIN, MOST_CREDIT);
  return (usage & FRESH) !== 0 ? credit : credit - 1;
}
