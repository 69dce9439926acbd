import type {Place} from './errors.js';

/** A whole number within bounds. @throws StripefsError `number` */
export function wholeNumber(
  value: unknown,
  place: Place,
  {least, most}: {least: number; most: number},
): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) {
    // Not -0.
    return value + 0;
  }
  return place.refuse('number', `must be a whole number from ${least} to ${most}`);
}

/** A power of two within bounds, which are powers of two. @throws StripefsError `power-of-two` */
export function powerOfTwo(
  value: unknown,
  place: Place,
  {least, most}: {least: number; most: number},
): number {
  // 2^30 at most, so `&` sees all of it.
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
    const number = value as number;
    if ((number & (number - 1)) === 0) return number;
  }
  return place.refuse('power-of-two', `must be a power of two from ${least} to ${most}`);
}

/** A text that has that many bytes in UTF-8. @throws StripefsError `text` */
export function textOf(value: unknown, place: Place, most: number): string {
  // Half of a surrogate pair has no bytes of its own: two such texts could become one name.
  if (typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value)) {
    if (Buffer.byteLength(value) <= most) return value;
  }
  return place.refuse('text', `must be a text of 1 to ${most} bytes`);
}

/** A list that is no longer than that. @throws StripefsError `list` */
export function listOf(value: unknown, place: Place, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  return place.refuse('list', `must be a list of at most ${most} items`);
}

/** The fields of an object that may have these and no others. */
export class Fields {
  readonly place: Place;
  readonly #values: Readonly<Record<string, unknown>>;

  /**
   * @param value from JSON.parse, which makes a field of its own of any name, `__proto__` as well
   * @throws StripefsError `object`, `unknown-field`
   */
  constructor(value: unknown, place: Place, known: ReadonlySet<string>) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      place.refuse('object', 'must be an object');
    }
    this.place = place;
    this.#values = value as Record<string, unknown>;
    for (const name of Object.keys(value)) {
      if (!known.has(name)) place.field(name.slice(0, 64)).refuse('unknown-field', 'is not known here');
    }
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  /** The value of a field that must be there. @throws StripefsError `missing-field` */
  get(name: string): unknown {
    if (this.has(name)) return this.#values[name];
    return this.place.field(name).refuse('missing-field', 'is missing');
  }

  /** @throws StripefsError */
  number(name: string, least: number, most: number): number {
    return wholeNumber(this.get(name), this.place.field(name), {least, most});
  }

  /** A number of bytes that ends with a block. @throws StripefsError `alignment` */
  aligned(name: string, blockSize: number, least: number, most: number): number {
    const value = this.number(name, least, most);
    if (value % blockSize === 0) return value;
    return this.place
      .field(name)
      .refuse('alignment', `must be a multiple of the block size, ${blockSize}`, {value});
  }
}
