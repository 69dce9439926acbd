import {rmSync} from 'node:fs';
import {resolve} from 'node:path';
import {parseArgs} from 'node:util';
import {bundle} from '../support/bundle.mjs';
import {runInput, runTarget, type TargetResult} from './engine/run.js';
import {TARGETS} from './targets/index.js';
import {huntVolumes} from './volumes.js';

/**
 * `main [--target T] [--seconds N] [--seed S] [--jobs N]`: each parser for so many seconds, guided by what code its inputs reach.
 * `main --target T --input FILE`: one input, for a failure that is to be looked at.
 * `main --volumes [--cases N] [--seed S | --every KIND] [--image NAME] [--first N]`: whole damaged images instead.
 */
const {values} = parseArgs({
  options: {
    target: {type: 'string'},
    seconds: {type: 'string', default: '60'},
    seed: {type: 'string', default: `${Date.now() % 2 ** 31}`},
    jobs: {type: 'string', default: '2'},
    input: {type: 'string'},
    volumes: {type: 'boolean', default: false},
    cases: {type: 'string'},
    every: {type: 'string'},
    image: {type: 'string'},
    first: {type: 'string', default: '0'},
  },
});

function tell({target, runs, corpus, added, covered, slowestMs, failure}: TargetResult): void {
  const slowest = `slowest ${Math.round(slowestMs)} ms`;
  console.log(
    `${target}: ${runs} inputs, ${added} reached something new, corpus ${corpus}, ${covered} characters covered, ${slowest}`,
  );
  if (failure === undefined) return;
  console.log(`  FAILED ${failure.what}`);
  console.log(`  again: npm run fuzz -- --target ${target} --input ${failure.input}`);
}

async function fuzzTargets(): Promise<boolean> {
  const waiting = TARGETS.filter(({name}) => values.target === undefined || name === values.target);
  if (waiting.length === 0) {
    throw new Error(
      `there is no target ${values.target}; there are ${TARGETS.map(({name}) => name).join(', ')}`,
    );
  }
  const program = await bundle('test/fuzz/engine/child.ts');
  let sound = true;
  try {
    if (values.input !== undefined) {
      const said = await runInput(program, waiting[0]!.name, resolve(values.input));
      console.log(said ?? 'nothing bad happens');
      return said === undefined;
    }
    console.log(`seed ${values.seed}`);
    const job = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const run = {program, target: next.name, seed: Number(values.seed), seconds: Number(values.seconds)};
        const result = await runTarget(run);
        tell(result);
        sound &&= result.failure === undefined;
      }
    };
    await Promise.all(Array.from({length: Number(values.jobs)}, job));
    return sound;
  } finally {
    rmSync(program, {force: true});
  }
}

// What only whole images have says that they are meant.
const {volumes, cases, every, image} = values;
const sound =
  volumes || cases !== undefined || every !== undefined || image !== undefined
    ? await huntVolumes({
        cases: Number(cases ?? 20_000),
        first: Number(values.first),
        plan: every === undefined ? values.seed : `every:${every}`,
        image: image ?? '',
      })
    : await fuzzTargets();
process.exitCode = sound ? 0 : 1;
