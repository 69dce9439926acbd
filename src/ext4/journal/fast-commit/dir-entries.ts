import {viewOf} from '../../../wire/index.js';
import {crc32c} from '../../checksum.js';
import {checkEntry, type EntryRules, entrySize, NAME_OFFSET} from '../../dir-block.js';

/** Bytes at the end of a directory block that hold its checksum, as an unused entry. */
const TAIL_SIZE = 12;
const TAIL_TYPE = 0xde;

/** A directory entry, apart from its block. */
export interface DirEntry {
  readonly ino: number;
  readonly name: Uint8Array;
  readonly fileType: number;
}

/** Bytes of a block that entries may take. */
export function entriesEnd(rules: EntryRules): number {
  return rules.blockSize - (rules.checksummed ? TAIL_SIZE : 0);
}

/** The entries in use, in order, with their places. @throws CorruptError `dir-…` */
export function* entriesOf(
  rules: EntryRules,
  block: Uint8Array,
): Generator<DirEntry & {at: number; size: number}> {
  const end = entriesEnd(rules);
  for (let at = 0; at < end; ) {
    // Ends: checkEntry gives a distance of at least 12.
    const size = checkEntry(rules, block, at, end);
    const ino = viewOf(block).getUint32(at, true);
    const length = block[at + 6]!; // an entry lies wholly inside the block
    if (ino !== 0 && length !== 0) {
      const name = block.subarray(at + NAME_OFFSET, at + NAME_OFFSET + length);
      yield {ino, name, fileType: block[at + 7]!, at, size};
    }
    at += size;
  }
}

/** Puts an entry where there is room; false when there is none. The checksum is left to `sealBlock`. */
export function insertEntry(rules: EntryRules, block: Uint8Array, entry: DirEntry): boolean {
  const end = entriesEnd(rules);
  const needed = entrySize(entry.name.length, false);
  for (let at = 0; at < end; ) {
    const size = checkEntry(rules, block, at, end);
    const used = viewOf(block).getUint32(at, true) === 0 ? 0 : entrySize(block[at + 6]!, false);
    if (size - used >= needed) {
      if (used !== 0) setRecLen(block, at, used);
      writeEntry(block, at + used, size - used, entry);
      return true;
    }
    at += size;
  }
  return false;
}

/** Takes the entry at `at` out: the one before it grows over it, or it stays unused as the first. */
export function removeEntry(rules: EntryRules, block: Uint8Array, target: number): void {
  const end = entriesEnd(rules);
  let previous = -1;
  for (let at = 0; at < end; ) {
    const size = checkEntry(rules, block, at, end);
    if (at === target) {
      if (previous < 0) viewOf(block).setUint32(at, 0, true);
      else setRecLen(block, previous, at + size - previous);
      return;
    }
    previous = at;
    at += size;
  }
}

/** A new block with these entries, which must fit; the last one takes the rest. Without any, it is all unused. */
export function buildBlock(rules: EntryRules, entries: readonly DirEntry[]): Uint8Array {
  const block = new Uint8Array(rules.blockSize);
  const end = entriesEnd(rules);
  let at = 0;
  if (entries.length === 0) setRecLen(block, 0, end);
  entries.forEach((entry, i) => {
    const size = i === entries.length - 1 ? end - at : entrySize(entry.name.length, false);
    writeEntry(block, at, size, entry);
    at += size;
  });
  return block;
}

/** A new block with the entries from `from` on, and the gaps between them; the last one takes the rest. */
export function tailOf(rules: EntryRules, block: Uint8Array, from: number): Uint8Array {
  const end = entriesEnd(rules);
  const tail = new Uint8Array(rules.blockSize);
  tail.set(block.subarray(from, end));
  let last = from;
  for (let at = from; at < end; at += checkEntry(rules, block, at, end)) last = at;
  setRecLen(tail, last - from, end - (last - from));
  return tail;
}

/** Writes the checksum at the end of a block of entries. @param seed the directory's */
export function sealBlock(rules: EntryRules, seed: number, block: Uint8Array): void {
  if (!rules.checksummed) return;
  const tail = block.length - TAIL_SIZE;
  const view = viewOf(block);
  view.setUint32(tail, 0, true);
  view.setUint16(tail + 4, TAIL_SIZE, true);
  block[tail + 6] = 0;
  block[tail + 7] = TAIL_TYPE;
  view.setUint32(tail + 8, crc32c(seed, block, 0, tail), true);
}

function writeEntry(block: Uint8Array, at: number, size: number, entry: DirEntry): void {
  viewOf(block).setUint32(at, entry.ino, true);
  setRecLen(block, at, size);
  block[at + 6] = entry.name.length;
  block[at + 7] = entry.fileType;
  block.set(entry.name, at + NAME_OFFSET);
}

/** A distance to the next entry, up to 65536, which 65535 stands for. */
function setRecLen(block: Uint8Array, at: number, size: number): void {
  viewOf(block).setUint16(at + 4, size < 65_536 ? size : 65_535, true);
}
