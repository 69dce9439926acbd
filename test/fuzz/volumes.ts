import {rmSync} from 'node:fs';
import {bundle} from '../support/bundle.mjs';
import {imageOf, lacking} from '../support/images.js';
import {MUTANTS} from '../support/mutant-recipes.js';
import {hunt} from './hunt.js';

export interface VolumeHuntOptions {
  /** Cases an image. */
  cases: number;
  first: number;
  /** A seed, or `every:KIND` for every byte of the structures of a kind. */
  plan: string;
  /** Part of the name of the images; empty for all. */
  image: string;
}

/**
 * The long form of the mutation test: whole images, damaged at random, opened by the driver and asked everything. Prints what came of
 * it. @returns whether nothing bad did
 */
export async function huntVolumes(options: VolumeHuntOptions): Promise<boolean> {
  const program = await bundle('test/fuzz/child.ts');
  let failed = false;
  try {
    for (const recipe of MUTANTS.filter(({name}) => name.includes(options.image))) {
      const lack = lacking(recipe);
      if (lack !== undefined) {
        console.log(`${recipe.name}: left out, ${lack}`);
        continue;
      }
      const result = await hunt({
        program,
        image: imageOf(recipe),
        plan: options.plan,
        first: options.first,
        count: options.cases,
      });
      const {cases, answers, errors, mostReads, mostBytes, codes, failures} = result;
      console.log(
        `${recipe.name}: ${cases} cases, ${answers} answers, ${errors} errors of ${codes.size} kinds`,
      );
      console.log(`  at most ${mostReads} reads and ${mostBytes} bytes for one operation`);
      for (const failure of failures) console.log(`  FAILED ${failure}`);
      failed ||= failures.length > 0;
    }
  } finally {
    rmSync(program, {force: true});
  }
  return !failed;
}
