import {readFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import type {BlockSource} from '../../src/block/index.js';
import {Ext4Error, Volume} from '../../src/ext4/index.js';
import {ChecksumFixer} from '../support/checksums.js';
import {type DamagedView, damagedView, wrongAnswers} from '../support/damaged-walk.js';
import {imageOf} from '../support/images.js';
import {MUTANTS} from '../support/mutant-recipes.js';
import {apply, randomMutation} from '../support/mutate.js';
import {cannotMount, skipped} from '../support/oracle.js';
import {Random} from '../support/random.js';
import {type Structure, structuresOf} from '../support/structures.js';

/** Where everything has a checksum, damage is an error or is not seen at all: never another answer. */
const reason = cannotMount();
const title = skipped(reason);
const SEED = 31_337;
const CASES = 250;

class MemorySource implements BlockSource {
  readonly size: number;
  readonly #image: Uint8Array;

  constructor(image: Uint8Array) {
    this.#image = image;
    this.size = image.length;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const piece = this.#image.subarray(position, position + length);
    target.set(piece, targetOffset);
    return piece.length;
  }
}

/** RO_COMPAT_METADATA_CSUM in s_feature_ro_compat. */
function hasChecksums(image: Uint8Array): boolean {
  return (image[1024 + 0x65]! & 4) !== 0;
}

function viewOf(image: Uint8Array): DamagedView | string {
  try {
    return damagedView(Volume.open(new MemorySource(image), {cacheLimit: 4 << 20}));
  } catch (error) {
    if (error instanceof Ext4Error) return error.code;
    throw error;
  }
}

describe.skipIf(reason !== undefined)(`checksums${title}`, () => {
  const path = reason === undefined ? imageOf(MUTANTS[0]!) : '';
  const image = reason === undefined ? new Uint8Array(readFileSync(path)) : new Uint8Array();
  // The journal of a clean image is not read.
  const structures: Structure[] =
    reason === undefined ? structuresOf(path).filter(({kind}) => kind !== 'journal block') : [];

  test(`damage is told, or not seen: ${CASES} cases`, () => {
    const sound = viewOf(image);
    if (typeof sound === 'string') throw new Error(sound);
    expect(sound.size).toBeGreaterThan(200);
    let refused = 0;
    let damaged = 0;
    for (let n = 0; n < CASES; n++) {
      const mutation = randomMutation(image, structures, new Random(SEED + n));
      const undo = apply(image, mutation);
      const checked = hasChecksums(image);
      const found = viewOf(image);
      undo();
      // Damage that takes the feature itself away can't be told by checksums.
      if (!checked) continue;
      if (typeof found === 'string') refused++;
      else {
        expect(wrongAnswers(sound, found).slice(0, 5), mutation.description).toEqual([]);
        if ([...found.values()].some((values) => values.some((value) => /^!E(BADMSG|UCLEAN)/.test(value))))
          damaged++;
      }
    }
    expect(refused).toBeGreaterThan(CASES / 20);
    expect(damaged).toBeGreaterThan(CASES / 5);
  });

  test('with the checksums made to fit, other answers are given and are seen here', () => {
    const sound = viewOf(image);
    if (typeof sound === 'string') throw new Error(sound);
    const fixer = new ChecksumFixer(image, structures);
    let wrong = 0;
    for (let n = 0; n < 60; n++) {
      const undo = apply(image, randomMutation(image, structures, new Random(SEED + n)), fixer);
      const found = viewOf(image);
      undo();
      if (typeof found !== 'string' && wrongAnswers(sound, found).length > 0) wrong++;
    }
    expect(wrong).toBeGreaterThan(4);
  });
});
