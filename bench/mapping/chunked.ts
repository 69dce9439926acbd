import type {MappingFields} from '../../src/iomap/mapping.js';
import {MappingIndex} from '../../src/iomap/mapping-index.js';
import type {RangeIndex} from '../../test/support/mapping-model.js';

const FILE = 1;

/** The product's index, for one file. */
export class Chunked implements RangeIndex {
  readonly #index = new MappingIndex();

  get count(): number {
    return this.#index.count;
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  find(position: number, out: MappingFields): boolean {
    return this.#index.find(FILE, position, out);
  }

  insert(mapping: Readonly<MappingFields>): void {
    this.#index.insert(FILE, mapping, 1);
  }

  remove(start: number, end: number): void {
    this.#index.remove(FILE, start, end);
  }

  each(from: number, out: MappingFields, visit: () => boolean): void {
    this.#index.each(FILE, from, out, visit);
  }
}
