import {writeFileSync} from 'node:fs';
import {cpus, loadavg, release, totalmem} from 'node:os';
import {CONTENDERS} from './mapping/contenders.js';
import {runText} from './mapping/measure.js';
import {type Results, round} from './mapping/rows.js';
import {optionsOf} from './options.js';

/**
 * Four ways to hold the mappings of a file, on the same traces, from 10 mappings to 10 million: one markdown table. Needs nothing but
 * Node: no image, no root.
 */
const {values: options} = optionsOf('bench:mapping -- [--short] [--rounds N] [--sizes N,N] [--out FILE]', {
  options: {
    short: {type: 'boolean', default: false},
    rounds: {type: 'string'},
    sizes: {type: 'string'},
    out: {type: 'string'},
  },
});
const SIZES = options.short ? [10, 2000] : [10, 1000, 100_000, 1_000_000, 10_000_000];
const sizes = options.sizes?.split(',').map(Number) ?? SIZES;
const rounds = Number(options.rounds ?? (options.short ? 1 : 5));
/** Milliseconds for one trace; where they are over, the rest of it is left out. */
const budget = options.short ? 50 : 400;
/** The largest size takes minutes by itself. */
const MOST_ROUNDS_OF_LARGEST = 2;

const ROWS = [
  ...[
    'bytes a mapping, put in in order',
    'bytes a mapping, put in at random',
    'bytes a mapping, uneven distances',
  ],
  ...['look-up, sequential', 'look-up, random', 'look-up, zipf', 'look-up, random, after that'],
  ...['look-up, random, uneven distances', 'insert, in order', 'insert, random', 'insert, at the front'],
  'remove and insert in turn, random',
];

// Compiled before anything counts.
for (const contender of CONTENDERS) round(contender, 3000, budget, {runs: new Map(), bytes: new Map()});
const before = loadavg()[0]?.toFixed(1);
const lines: string[] = [];
for (const size of sizes) {
  const results: Results[] = CONTENDERS.map(() => ({runs: new Map(), bytes: new Map()}));
  const times = size >= 10_000_000 ? Math.min(rounds, MOST_ROUNDS_OF_LARGEST) : rounds;
  for (let n = 0; n < times; n++) {
    for (const [i, contender] of CONTENDERS.entries()) round(contender, size, budget, results[i]!);
    console.error(`${size}: round ${n + 1} of ${times} done`);
  }
  for (const row of ROWS) {
    const cells = results.map(({runs, bytes}) => {
      const run = runs.get(row);
      return run === undefined ? (bytes.get(row)?.toFixed(1) ?? '–') : runText(run);
    });
    lines.push(
      `| ${size.toLocaleString('en')} | ${row.replace('random, after that', 'random, after inserts at random')} | ${cells.join(' | ')} |`,
    );
  }
}
const text = [
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}; load ${before} before, ${loadavg()[0]?.toFixed(1)} after.`,
  `Operations a second, median (least–most) of ${rounds} rounds (${Math.min(rounds, MOST_ROUNDS_OF_LARGEST)} of the largest size); then nanoseconds an operation, p50 / p99 of batches of 32.`,
  '',
  `| mappings | | ${CONTENDERS.map(({name}) => name).join(' | ')} |`,
  `| ---: | --- | ${CONTENDERS.map(() => '---:').join(' | ')} |`,
  ...lines,
  '',
].join('\n');
console.log(text);
if (options.out !== undefined) writeFileSync(options.out, text);
