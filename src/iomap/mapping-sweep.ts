import type {ChunkList} from './chunk-list.js';
import {CHUNK} from './mapping-arena.js';
import {sweptUsage} from './mapping-usage.js';

/** Told of each mapping that goes. */
export type OnSwept = (file: number, offset: number, length: number) => void;

/** Chunks looked at for room, after which the least worthy of them goes as a whole: nobody waits for longer. */
const MOST_LOOKS = 256;
const ALL = -1;

/** The sweep's hand: it came as far as this key. */
interface Hand {
  file: number;
  offset: number;
}

/**
 * Makes room among mappings: goes around in the order of keys, takes what has lost its credit, and joins what is left of the chunks.
 * One hand goes around over all files, and each file that is too large has one of its own.
 */
export class MappingSweep {
  readonly #list: ChunkList;
  readonly #swept: OnSwept;
  readonly #hand: Hand = {file: 0, offset: -1};
  readonly #hands = new Map<number, Hand>();

  constructor(list: ChunkList, swept: OnSwept) {
    this.#list = list;
    this.#swept = swept;
  }

  /** Takes mappings of all files until `enough` says so, or none is left. */
  sweep(enough: () => boolean): void {
    this.#goOn(this.#hand, ALL, enough);
  }

  /** Takes mappings of one file until `enough` says so; the file has at least one. */
  sweepFile(file: number, enough: () => boolean): void {
    let hand = this.#hands.get(file);
    if (hand === undefined) {
      hand = {file, offset: -1};
      this.#hands.set(file, hand);
    }
    this.#goOn(hand, file, enough);
  }

  /** A file has no mappings any more, and its number may become another's. */
  forget(file: number): void {
    this.#hands.delete(file);
  }

  #goOn(hand: Hand, only: number, enough: () => boolean): void {
    const least: Hand = {file: 0, offset: -1};
    let leastWorth = Infinity;
    for (let looks = 0; !enough() && this.#list.chunks > 0; looks++) {
      const {file, offset} = hand;
      if (looks < MOST_LOOKS) {
        const worth = this.#look(hand, only, false);
        if (worth < leastWorth) {
          leastWorth = worth;
          least.file = file;
          least.offset = offset;
        }
      } else {
        this.#look(least, only, true);
        looks = 0;
        leastWorth = Infinity;
      }
    }
  }

  /** Comes by the chunk with what follows the hand. @param whole takes all of it. @returns what is left there, an entry, is worth */
  #look(hand: Hand, only: number, whole: boolean): number {
    const list = this.#list;
    list.seek(hand.file, hand.offset);
    let {at} = list;
    let i = list.i + 1;
    if (i === list.count(at)) {
      at++;
      i = 0;
    }
    if (at === list.chunks || (only !== ALL && list.slab(at).file[list.base(at) + i] !== only)) {
      // Around, to the first there is.
      list.seek(only === ALL ? 0 : only, -1);
      at = list.at;
      i = list.i + 1;
      if (i === list.count(at)) {
        at++;
        i = 0;
      }
      if (at === list.chunks) return 0;
    }
    const slab = list.slab(at);
    const base = list.base(at);
    const count = list.count(at);
    let kept = i;
    let worth = 0;
    let looked = 0;
    for (; i < count; i++) {
      const e = base + i;
      const file = slab.file[e]!;
      if (only === ALL || file === only) {
        hand.file = file;
        hand.offset = slab.offset[e]!;
        const usage = whole ? -1 : sweptUsage(slab.usage[e]!);
        if (usage < 0) {
          this.#swept(file, slab.offset[e]!, slab.length[e]!);
          continue;
        }
        slab.usage[e] = usage;
        worth += usage;
        looked++;
      }
      if (kept !== i) slab.take(base + kept, slab, e, 1);
      kept++;
    }
    if (kept === 0) list.remove(at, at + 1);
    else if (kept < count) {
      list.shorten(at, kept);
      if (!list.join(at, CHUNK)) list.join(at - 1, CHUNK);
    }
    return looked === 0 ? Infinity : worth / looked;
  }
}
