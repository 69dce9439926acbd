/** Requests that are remembered, and how many places each may be in. */
const SLOTS = 4096;
const PLACES = 8;
/** Numbers of a slot: inode, position, operation, time. */
const WIDTH = 4;
/** How long a request is remembered: the kernel asks again at once, but may be slow to do so. */
const REMEMBERED_MS = 5000;

/**
 * Remembers which requests were answered with "look into your cache". A kernel that does not find there what it was given asks the same
 * again, without limit, so the same request must get the mapping itself the second time.
 *
 * A fixed table without allocation. Where it has no room for a request, that is not answered this way.
 */
export class RetryGuard {
  readonly #slots = new Float64Array(SLOTS * WIDTH);
  readonly #now: () => number;

  /** @param now milliseconds above 0 */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether this request may be told to look into the cache; remembered then, and forgotten when it comes again. */
  permits(ino: number, position: number, op: number): boolean {
    const slots = this.#slots;
    const now = this.#now();
    let free = -1;
    const first = hash(ino, position, op);
    for (let place = 0; place < PLACES; place++) {
      const at = ((first + place) % SLOTS) * WIDTH;
      // Inside the table, so every cell is a number.
      const then = slots[at + 3]!;
      if (then === 0 || now - then > REMEMBERED_MS) {
        if (free === -1) free = at;
        continue;
      }
      if (slots[at] === ino && slots[at + 1] === position && slots[at + 2] === op) {
        slots[at + 3] = 0;
        return false;
      }
    }
    if (free === -1) return false;
    slots[free] = ino;
    slots[free + 1] = position;
    slots[free + 2] = op;
    slots[free + 3] = now;
    return true;
  }
}

/** A slot number. Positions are mostly multiples of a page. */
function hash(ino: number, position: number, op: number): number {
  const page = position / 4096;
  let mixed = Math.imul(ino | 0, 0x9e3779b1) ^ Math.imul(page | 0, 0x85ebca6b);
  mixed ^= Math.imul((page / 2 ** 32) | 0, 0xc2b2ae35) ^ op;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
