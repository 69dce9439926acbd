import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {corpusOf} from '../../fuzz/engine/corpus.js';
import {mutate} from '../../fuzz/engine/mutator.js';
import {runTarget} from '../../fuzz/engine/run.js';
import {TARGETS} from '../../fuzz/targets/index.js';
import {decodePieces, encodePieces} from '../../fuzz/targets/pieces.js';
import {bundle} from '../../support/bundle.mjs';
import {Random} from '../../support/random.js';

/** Each parser with inputs that follow from the corpus and a seed alone; `npm run fuzz` goes on from there. */
const SEED = 20_261_123;
const ITERATIONS = 2_500;

describe('parsers', () => {
  let program = '';
  beforeAll(async () => {
    program = await bundle('test/fuzz/engine/child.ts');
  });
  afterAll(() => rmSync(program, {force: true}));

  for (const {name} of TARGETS) {
    test(`${name}: ${ITERATIONS} inputs give an answer or an error of the driver's own`, async () => {
      expect(corpusOf(name, false).length).toBeGreaterThan(0);
      const result = await runTarget({program, target: name, seed: SEED, iterations: ITERATIONS});
      expect(result.failure).toBeUndefined();
      expect(result.runs).toBeGreaterThanOrEqual(ITERATIONS);
    }, 120_000);
  }

  test('guided by coverage, inputs that reach new code are kept', async () => {
    const result = await runTarget({program, target: 'acl', seed: SEED, seconds: 3});
    expect(result.failure).toBeUndefined();
    expect(result.covered).toBeGreaterThan(500);
    expect(result.corpus).toBeGreaterThan(corpusOf('acl', false).length);
  }, 120_000);
});

describe('what must not happen', () => {
  const faults: Array<[what: string, code: string, said: RegExp]> = [
    ['throws', 'throw new TypeError("odd");', /TypeError: odd/],
    ['ends the process', 'process.kill(process.pid, "SIGKILL"); for (;;);', /SIGKILL/],
    [
      'takes all memory',
      'const all = []; for (;;) all.push(new Array(1e5).fill({}));',
      /heap|SIGABRT|memory/i,
    ],
  ];
  for (const [what, code, said] of faults) {
    test(`an input that ${what} is told, and kept`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'fuseward-child-'));
      const program = join(folder, 'child.mjs');
      // Writes the input at hand as the real one does: its length, then its bytes.
      writeFileSync(
        program,
        `import {writeFileSync} from 'node:fs';
        writeFileSync(process.argv[6], Buffer.from([3, 0, 0, 0, 7, 8, 9, 1, 1]));
        ${code}`,
      );
      try {
        const {failure} = await runTarget({program, target: 'fault', seed: 1, iterations: 1});
        expect(failure?.what).toMatch(said);
        expect([...readFileSync(failure!.input)]).toEqual([7, 8, 9]);
        rmSync(failure!.input);
      } finally {
        rmSync(folder, {recursive: true});
      }
    }, 120_000);
  }
});

describe('inputs', () => {
  test('follow from the seed', () => {
    const input = Buffer.from('some input of a few bytes');
    const make = () => {
      const random = new Random(7);
      return Array.from({length: 200}, () => mutate(input, input, 64, random).toString('hex'));
    };
    expect(make()).toEqual(make());
    expect(new Set(make()).size).toBeGreaterThan(150);
    for (const each of make()) expect(each.length).toBeLessThanOrEqual(128);
  });

  test('in pieces are read as they were made, and any bytes are pieces', () => {
    const bytes = Buffer.alloc(1024, 7);
    const inode = Buffer.alloc(256, 3);
    const pieces = decodePieces(encodePieces({flags: 5, inode, blocks: [{number: 700, bytes}]}));
    expect(pieces.flags).toBe(5);
    expect(Buffer.compare(pieces.inode, inode)).toBe(0);
    expect(pieces.blocks.map(({number}) => number)).toEqual([700]);
    expect(Buffer.compare(pieces.blocks[0]!.bytes, bytes)).toBe(0);
    for (const length of [0, 1, 256, 257, 259, 260, 5000])
      expect(() => decodePieces(Buffer.alloc(length, 0xff))).not.toThrow();
  });
});
