import {expect} from 'vitest';
import {MAPPING, Mapping, type MappingFields, NO_ADDRESS} from '../../src/iomap/mapping.js';
import {Random} from './random.js';

/** What every index of mappings can do, for one file. */
export interface RangeIndex {
  /** Mappings held. */
  readonly count: number;
  find(position: number, out: MappingFields): boolean;
  insert(mapping: Readonly<MappingFields>): void;
  remove(start: number, end: number): void;
  each(from: number, out: MappingFields, visit: () => boolean): void;
}

/** One unit of the model: what kind of mapping covers it, and where it lies. */
interface Unit {
  type: number;
  flags: number;
  dev: number;
  addr: number;
}

export interface ModelShape {
  /** Places of the model. */
  units: number;
  /** Where the first lies, and how many bytes each has. */
  base: number;
  unit: number;
  operations: number;
  /** Longest range of an operation, in units. */
  longest: number;
}

function sameAs(a: Unit | undefined, b: Unit | undefined, unit: number): boolean {
  if (a === undefined || b === undefined) return false;
  if (a.type !== b.type || a.flags !== b.flags || a.dev !== b.dev) return false;
  return a.addr === NO_ADDRESS ? b.addr === NO_ADDRESS : b.addr === a.addr + unit;
}

/** The model: an entry for each unit of the file, changed one by one. No merging, no splitting, nothing to get wrong. */
export class UnitMap {
  readonly #units: Array<Unit | undefined>;
  readonly #shape: ModelShape;

  constructor(shape: ModelShape) {
    this.#shape = shape;
    this.#units = new Array<Unit | undefined>(shape.units).fill(undefined);
  }

  set(from: number, until: number, make: (unit: number) => Unit | undefined): void {
    for (let i = from; i < until; i++) this.#units[i] = make(i);
  }

  at(i: number): Unit | undefined {
    return this.#units[i];
  }

  /** The mappings that an index has to hold: as few as there can be. */
  mappings(): MappingFields[] {
    const {base, unit} = this.#shape;
    const found: MappingFields[] = [];
    for (let i = 0; i < this.#units.length; i++) {
      const here = this.#units[i];
      if (here === undefined) continue;
      const last = found.at(-1);
      if (last !== undefined && sameAs(this.#units[i - 1], here, unit)) last.length += unit;
      else found.push({...here, offset: base + i * unit, length: unit});
    }
    return found;
  }
}

export function listOf(index: RangeIndex, from = 0): MappingFields[] {
  const out = new Mapping();
  const found: MappingFields[] = [];
  index.each(from, out, () => {
    found.push({
      offset: out.offset,
      length: out.length,
      addr: out.addr,
      type: out.type,
      flags: out.flags,
      dev: out.dev,
    });
    return true;
  });
  return found;
}

function byOffset({offset, length, addr, type, flags, dev}: MappingFields): MappingFields {
  return {offset, length, addr, type, flags, dev};
}

/** Random operations on an index and on the model; after each, look-ups agree, and at the end everything does. */
export function compareWithModel(seed: number, index: RangeIndex, shape: ModelShape): void {
  const random = new Random(seed);
  const model = new UnitMap(shape);
  const {units, base, unit, operations, longest} = shape;
  const out = new Mapping();
  const mapping = new Mapping();
  // Compared by hand: this runs a million times.
  const probe = (i: number): void => {
    const wanted = model.at(i);
    const position = base + i * unit + random.below(Math.min(unit, 2 ** 32));
    const found = index.find(position, out);
    if (!found && wanted === undefined) return;
    const addr = out.addr === NO_ADDRESS ? NO_ADDRESS : out.addr + (base + i * unit - out.offset);
    const right =
      found &&
      out.offset <= position &&
      position < out.offset + out.length &&
      out.type === wanted?.type &&
      out.flags === wanted.flags &&
      out.dev === wanted.dev &&
      addr === wanted.addr;
    if (!right)
      throw new Error(
        `seed ${seed}: unit ${i} is ${JSON.stringify({found, ...out, addr})}, not ${JSON.stringify(wanted)}`,
      );
  };
  for (let n = 0; n < operations; n++) {
    const from = random.below(units);
    const until = Math.min(units, from + 1 + random.below(longest));
    if (random.below(3) === 0) {
      index.remove(
        base + from * unit,
        until === units && random.below(4) === 0 ? Infinity : base + until * unit,
      );
      model.set(from, until, () => undefined);
    } else {
      const type = random.pick([MAPPING.HOLE, MAPPING.MAPPED, MAPPING.MAPPED, MAPPING.UNWRITTEN]);
      const flags = random.below(4) === 0 ? 2 : 0;
      const dev = type === MAPPING.HOLE ? 0 : 1 + random.below(2);
      // Few distances between file and device, so that neighbours often go on.
      const shift = random.below(3) * 3 * unit;
      const addrOf = (i: number): number => (type === MAPPING.HOLE ? NO_ADDRESS : i * unit + shift);
      mapping.copy({
        offset: base + from * unit,
        length: (until - from) * unit,
        addr: addrOf(from),
        type,
        flags,
        dev,
      });
      index.insert(mapping);
      model.set(from, until, (i) => ({type, flags, dev, addr: addrOf(i)}));
    }
    for (const i of [from, until - 1, until, from - 1, random.below(units)])
      if (i >= 0 && i < units) probe(i);
  }
  const wanted = model.mappings().map(byOffset);
  expect(listOf(index), `seed ${seed}`).toEqual(wanted);
  expect(index.count).toBe(wanted.length);
  const from = base + random.below(units) * unit;
  expect(listOf(index, from)).toEqual(wanted.filter(({offset, length}) => offset + length > from));
}
