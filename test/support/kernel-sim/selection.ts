/** Of directories with more entries than this only some are looked at. */
const CROWD = 200;
const ONE_IN = 20;

/** Whether an entry of a directory is looked at, by its place in the order of names. */
export function isLookedAt(index: number, count: number): boolean {
  return count <= CROWD || index % ONE_IN === 0;
}

/** Of files of the same size so many are looked at, and of the others some: they lie elsewhere. */
const ALIKE = 6;
const ONE_ALIKE_IN = 10;
/** Larger sizes count as the same in steps of so many bytes; below lie the edges of inline data. */
const EXACT_UP_TO = 1025;
const STEP = 64;

/** Says of the regular files of an image, in the order of a walk by names, which are looked at. */
export class Selection {
  readonly #seen = new Map<number, number>();

  takes(size: number): boolean {
    const kind = size <= EXACT_UP_TO ? size : Math.ceil(size / STEP) * STEP;
    const seen = this.#seen.get(kind) ?? 0;
    this.#seen.set(kind, seen + 1);
    return seen < ALIKE || seen % ONE_ALIKE_IN === 0;
  }
}
