/** Of directories with more entries than this only some are looked at. */
const CROWD = 200;
const ONE_IN = 20;
/** Of files with as many KiB in one directory no more are. Those with sizes on the edges of something come first by name. */
const ALIKE = 4;
const UNIT = 1024;

/** Says of the files of one directory, in order of their names, which are looked at: of those with as many KiB only a few. */
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
    const units = Math.ceil(size / UNIT);
    const seen = this.#bySize.get(units) ?? 0;
    this.#bySize.set(units, seen + 1);
    return seen < ALIKE;
  }
}
