/** Of directories with more entries than this only some are looked at. */
const CROWD = 200;
const ONE_IN = 20;
/** Of files with the same size in one directory no more are. */
const ALIKE = 4;

/** Says of the files of one directory, in order of their names, which are looked at: of those with the same size only a few. */
export class Selection {
  readonly #count: number;
  readonly #bySize = new Map<number, number>();
  #index = 0;

  /** @param count entries of the directory */
  constructor(count: number) {
    this.#count = count;
  }

  /** Whether the next entry is looked at, be it a directory or a file. */
  next(): boolean {
    return this.#count <= CROWD || this.#index++ % ONE_IN === 0;
  }

  takes(size: number): boolean {
    const seen = this.#bySize.get(size) ?? 0;
    this.#bySize.set(size, seen + 1);
    return seen < ALIKE;
  }
}
