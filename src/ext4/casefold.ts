import {ASSIGNED, FOLD_EXPANSIONS, FOLD_RUNS, IGNORED} from './casefold-data.js';

/**
 * Case folding as the kernel does it for directories with the casefold flag (fs/unicode: utf8_casefold with the
 * tables of Unicode 12.1): characters are folded and decomposed (NFD), ignorable ones dropped. Decompositions
 * of assigned characters never change between versions, so the engine's own are used.
 */

const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const encoder = new TextEncoder();

/** Tables are made when the first name outside ASCII comes by. */
interface Tables {
  /** Start of each range of assigned characters, and of each gap after it, in order. */
  readonly borders: Uint32Array;
  readonly folded: ReadonlyMap<number, string>;
}
let tables: Tables | undefined;

function makeTables(): Tables {
  const borders = new Uint32Array(ASSIGNED.length);
  let position = 0;
  ASSIGNED.forEach((length, i) => {
    position += length;
    borders[i] = position;
  });
  const folded = new Map<number, string>();
  // The tables are complete groups, so no `!` below can meet undefined.
  for (let i = 0; i < FOLD_RUNS.length; i += 4) {
    const [first, count, stride, delta] = FOLD_RUNS.slice(i, i + 4) as [number, number, number, number];
    for (let n = 0; n < count; n++) {
      const from = first + n * stride;
      folded.set(from, String.fromCodePoint(from + delta));
    }
  }
  for (let i = 0; i < FOLD_EXPANSIONS.length; ) {
    const end = FOLD_EXPANSIONS.indexOf(0, i);
    folded.set(FOLD_EXPANSIONS[i]!, String.fromCodePoint(...FOLD_EXPANSIONS.slice(i + 1, end)));
    i = end + 1;
  }
  return {borders, folded};
}

function isAssigned(borders: Uint32Array, point: number): boolean {
  // Number of borders not above `point`; after an odd number of them it lies in a range.
  let low = 0;
  let high = borders.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (borders[middle]! <= point) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1;
}

function isIgnored(point: number): boolean {
  for (let i = 0; i < IGNORED.length; i += 2) {
    if (point >= IGNORED[i]! && point <= IGNORED[i + 1]!) return true;
  }
  return false;
}

/**
 * The form under which names that differ in case alone are the same; undefined for bytes that are not UTF-8: such names
 * are compared byte by byte.
 */
export function foldName(name: Uint8Array): Uint8Array | undefined {
  const ascii = foldAscii(name);
  if (ascii !== undefined) return ascii;
  let text: string;
  try {
    text = decoder.decode(name);
  } catch {
    return undefined;
  }
  tables ??= makeTables();
  const {borders, folded} = tables;
  let out = '';
  // An ignorable character is dropped, one of a later version is kept as it is; accents are not put in order across
  // either.
  let piece = '';
  for (const char of text) {
    const point = char.codePointAt(0)!; // a character has a code point
    const ignored = isIgnored(point);
    if (!ignored && isAssigned(borders, point)) {
      piece += folded.get(point) ?? char;
      continue;
    }
    out += piece.normalize('NFD');
    if (!ignored) out += char;
    piece = '';
  }
  return encoder.encode(out + piece.normalize('NFD'));
}

/** Lower case of a name in ASCII; undefined when it has other bytes. */
function foldAscii(name: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i++) {
    const byte = name[i]!; // i < name.length
    if (byte > 0x7f) return undefined;
    out[i] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
  }
  return out;
}
