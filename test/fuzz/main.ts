import {rmSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {bundle} from '../support/bundle.mjs';
import {imageOf, lacking} from '../support/images.js';
import {MUTANTS} from '../support/mutant-recipes.js';
import {hunt} from './hunt.js';

/** The long form of the mutation test: `main [--cases N] [--seed N | --every KIND] [--image NAME] [--first N]`. */
const {values} = parseArgs({
  options: {
    cases: {type: 'string', default: '20000'},
    seed: {type: 'string', default: '1'},
    every: {type: 'string'},
    image: {type: 'string', default: ''},
    first: {type: 'string', default: '0'},
  },
});
const program = await bundle('test/fuzz/child.ts');
let failed = false;
try {
  for (const recipe of MUTANTS.filter(({name}) => name.includes(values.image))) {
    const lack = lacking(recipe);
    if (lack !== undefined) {
      console.log(`${recipe.name}: left out, ${lack}`);
      continue;
    }
    const plan = values.every === undefined ? values.seed : `every:${values.every}`;
    const result = await hunt({
      program,
      image: imageOf(recipe),
      plan,
      first: Number(values.first),
      count: Number(values.cases),
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
process.exitCode = failed ? 1 : 0;
