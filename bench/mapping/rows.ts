import {Mapping} from '../../src/iomap/mapping.js';
import type {RangeIndex} from '../../test/support/mapping-model.js';
import type {Contender} from './contenders.js';
import {type Run, timed} from './measure.js';
import {evenKeys, type Keys, type LookupTrace, lookups, setMapping, shuffled, unevenKeys} from './traces.js';

/** From so many entries on not all are put in at random: an insert in the middle of one array takes a millisecond, and ten. */
const MANY_FOR_ARRAY = 1_000_000;
const MANY = 10_000_000;
const LENGTH = 4096;

/** What is filled in for a contender, by the name of the row. */
export interface Results {
  runs: Map<string, Run[]>;
  bytes: Map<string, number>;
}

const mapping = new Mapping();
const out = new Mapping();

function fill(index: RangeIndex, keys: Keys, order?: Uint32Array): void {
  for (let n = 0; n < keys.length; n++)
    index.insert(setMapping(mapping, keys, order === undefined ? n : order[n]!));
}

function look(index: RangeIndex, keys: Keys, which: Uint32Array, budgetMs: number): Run {
  let missed = 0;
  const run = timed(which.length, budgetMs, (i) => {
    // Somewhere in the mapping, not at its beginning.
    if (!index.find(keys[which[i]!]! + 512, out)) missed++;
  });
  if (missed > 0) throw new Error(`${missed} of ${which.length} were not found`);
  return run;
}

/** One round of everything for one contender and one size. */
export function round(contender: Contender, size: number, budgetMs: number, results: Results): void {
  const record = (row: string, run: Run): void => {
    results.runs.set(row, [...(results.runs.get(row) ?? []), run]);
  };
  const count = Math.min(2_000_000, Math.max(20_000, size));
  const keys = evenKeys(size);
  let index = contender.make();
  record(
    'insert, in order',
    timed(size, Infinity, (i) => index.insert(setMapping(mapping, keys, i))),
  );
  if (index.count !== size) throw new Error(`${contender.name}: ${index.count} of ${size}`);
  results.bytes.set('bytes a mapping, put in in order', index.bytes / size);
  for (const trace of ['sequential', 'random', 'zipf'] satisfies LookupTrace[]) {
    record(`look-up, ${trace}`, look(index, keys, lookups(trace, size, count), budgetMs));
  }

  // Taken out and put in again somewhere else, so that the size stays.
  const order = shuffled(size);
  const changes = Math.min(count, 4 * size);
  record(
    'remove and insert in turn, random',
    timed(changes, budgetMs, (i) => {
      const at = order[(i >> 1) % size]!;
      if (i % 2 === 0) index.remove(keys[at]!, keys[at]! + LENGTH);
      else index.insert(setMapping(mapping, keys, at));
    }),
  );
  // Before the first: the file grows to its front. Keys below 0 are never asked for, but sort as any.
  record(
    'insert, at the front',
    timed(Math.max(1, Math.min(size, 100_000)), budgetMs, (i) => {
      mapping.place(2, -(i + 1) * 2 * LENGTH, LENGTH, i * 3 * LENGTH);
      index.insert(mapping);
    }),
  );

  index = contender.make();
  if (size >= (contender.movesAll ? MANY_FOR_ARRAY : MANY)) {
    // Some are left out, and put in at random as far as time allows.
    const every = contender.movesAll ? Math.ceil(size / 1000) : 100;
    for (let i = 0; i < size; i++) if (i % every !== 0) index.insert(setMapping(mapping, keys, i));
    const missing = shuffled(size / every);
    const insert = (i: number): void => index.insert(setMapping(mapping, keys, missing[i]! * every));
    record('insert, random', timed(missing.length, budgetMs, insert));
  } else {
    record(
      'insert, random',
      timed(size, Infinity, (i) => index.insert(setMapping(mapping, keys, order[i]!))),
    );
    results.bytes.set('bytes a mapping, put in at random', index.bytes / size);
    record('look-up, random, after that', look(index, keys, lookups('random', size, count), budgetMs));
  }

  index = contender.make();
  const uneven = unevenKeys(size);
  fill(index, uneven);
  results.bytes.set('bytes a mapping, uneven distances', index.bytes / size);
  record('look-up, random, uneven distances', look(index, uneven, lookups('random', size, count), budgetMs));
}
