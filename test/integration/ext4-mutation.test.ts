import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {hunt} from '../fuzz/hunt.js';
import {bundle} from '../support/bundle.mjs';
import {ChecksumFixer} from '../support/checksums.js';
import {exercise} from '../support/exercise.js';
import {imageOf, lacking} from '../support/images.js';
import {MUTANTS} from '../support/mutant-recipes.js';
import {apply, randomMutation} from '../support/mutate.js';
import {cannotMount, skipped} from '../support/oracle.js';
import {Random} from '../support/random.js';
import {structuresOf} from '../support/structures.js';

/**
 * Damaged images: whatever is changed in them, the driver gives an answer or an Ext4Error, reads no more than a few times
 * the image for one operation, and neither ends, hangs nor floods the process. The long form is test/fuzz/main.ts.
 */
const reason = cannotMount();
const title = skipped(reason);
const SEED = 20_240_117;
/** Random cases an image, and every byte of the superblock of two. */
const CASES = 500;
/** What a sound image answers, too: no key, and no data after a last hole. */
const EXPECTED_CODES = ['encrypted', 'seek-beyond-end'];

describe.skipIf(reason !== undefined)(`mutated images${title}`, () => {
  let program = '';
  beforeAll(async () => {
    program = await bundle('test/fuzz/child.ts');
  });
  afterAll(() => rmSync(program, {force: true}));

  for (const recipe of MUTANTS) {
    const lack = lacking(recipe);
    test.skipIf(lack !== undefined)(
      `${recipe.name} (${recipe.feature}): ${CASES} cases${skipped(lack)}`,
      async () => {
        const image = imageOf(recipe);
        const result = await hunt({program, image, plan: `${SEED}`, first: 0, count: CASES});
        expect(result.failures).toEqual([]);
        expect(result.cases).toBe(CASES);
        // The cases reach the driver's checks, and do not all end at the first.
        expect(result.codes.size).toBeGreaterThan(8);
        expect(result.answers).toBeGreaterThan(CASES);
      },
    );
  }

  for (const [name, kind, count] of [
    ['mutant-extents', 'superblock', 10_000],
    ['mutant-extents', 'group descriptor', 700],
  ] as const) {
    test(`${name}: every byte of each ${kind}`, async () => {
      const image = imageOf(MUTANTS.find((recipe) => recipe.name === name)!);
      const result = await hunt({program, image, plan: `every:${kind}`, first: 0, count});
      expect(result.failures).toEqual([]);
      expect(result.cases).toBeGreaterThan(500);
    });
  }

  test('unchanged images have no errors, and their checksums are what the fixer makes', () => {
    for (const recipe of MUTANTS.filter((each) => lacking(each) === undefined)) {
      const path = imageOf(recipe);
      const image = new Uint8Array(readFileSync(path));
      const outcome = exercise(image);
      const surprising = [...outcome.codes].filter((code) => !EXPECTED_CODES.includes(code));
      expect(surprising, recipe.name).toEqual([]);
      expect(outcome.answers).toBeGreaterThan(400);
      const structures = structuresOf(path);
      const fixer = new ChecksumFixer(image, structures);
      if (!fixer.applies || recipe.dirty !== undefined) continue;
      const before = Buffer.from(image);
      for (const structure of structures) fixer.fix(structure);
      expect(before.equals(image)).toBe(true);
    }
  });

  test('a mutation is the same for the same seed, and is undone', () => {
    const path = imageOf(MUTANTS[0]!);
    const image = new Uint8Array(readFileSync(path));
    const before = Buffer.from(image);
    const structures = structuresOf(path);
    const fixer = new ChecksumFixer(image, structures);
    for (let seed = 0; seed < 300; seed++) {
      const mutation = randomMutation(image, structures, new Random(seed));
      expect(randomMutation(image, structures, new Random(seed)).description).toBe(mutation.description);
      apply(image, mutation, fixer)();
    }
    expect(before.equals(image)).toBe(true);
  });
});

describe('the hunt for failures', () => {
  /** What a child does in its second case, and what the hunt has to say of it. */
  const faults: Array<[what: string, code: string, said: RegExp]> = [
    ['hangs', 'for (;;);', /^case 1 x: no answer in 700 ms/],
    [
      'ends the process',
      'process.kill(process.pid, "SIGKILL"); for (;;);',
      /^case 1 x: the process ended: SIGKILL/,
    ],
    [
      'runs out of memory',
      'const all = []; for (;;) all.push(new Array(1e5).fill({}));',
      /^case 1 x: the process ended/,
    ],
    ['throws what it must not', 'console.log("fail TypeError: x");', /^case 1 x: fail TypeError/],
  ];
  for (const [what, code, said] of faults) {
    test(`sees a case that ${what}, and goes on after it`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'fuseward-hunt-'));
      const program = join(directory, 'child.mjs');
      writeFileSync(
        program,
        `const first = Number(process.argv[4]);
        for (let n = first; n < 4; n++) {
          console.log('case ' + n + ' x');
          if (n === 1) { ${code} } else console.log('ok 1 0 0 0 ');
        }
        console.log('end');`,
      );
      try {
        const result = await hunt({
          program,
          image: '',
          plan: '0',
          first: 0,
          count: 4,
          silenceMs: what === 'hangs' ? 700 : 30_000,
        });
        expect(result.failures).toHaveLength(1);
        expect(result.failures[0]).toMatch(said);
        expect(result.answers).toBe(3);
      } finally {
        rmSync(directory, {recursive: true});
      }
    });
  }
});
