import {readFileSync, writeSync} from 'node:fs';
import {ChecksumFixer} from '../support/checksums.js';
import {exercise, type Outcome} from '../support/exercise.js';
import {apply, everyByte, type Mutation, randomMutation} from '../support/mutate.js';
import {Random} from '../support/random.js';
import {structuresOf} from '../support/structures.js';

/**
 * The process in which mutated images meet the driver, so that a crash, a hang or a flood of memory is seen from
 * outside: `child IMAGE SEED FIRST COUNT`. Cases FIRST to FIRST + COUNT - 1 are random; `every:KIND` in place of SEED
 * takes every byte of the structures of a kind instead. Prints one line a case: `case N`, then `ok …` or `fail …`.
 */
const [imagePath = '', plan = '0', first = '0', count = '0'] = process.argv.slice(2);
const image = new Uint8Array(readFileSync(imagePath));
const structures = structuresOf(imagePath);
const fixer = new ChecksumFixer(image, structures);

/** Bytes beyond what the process had before the first case. */
const MEMORY_LIMIT = 192 << 20;
const startMemory = process.memoryUsage.rss();

// The driver's errors are made by the hundred thousand here; their stacks are not needed to tell what failed.
Error.stackTraceLimit = 4;

const say = (line: string): number => writeSync(1, `${line}\n`);

function* cases(): Generator<readonly [number, Mutation]> {
  const from = Number(first);
  const end = from + Number(count);
  if (plan.startsWith('every:')) {
    let n = 0;
    for (const structure of structures.filter(({kind}) => kind === plan.slice(6))) {
      for (const mutation of everyByte(image, structure)) {
        if (n >= from && n < end) yield [n, mutation];
        n++;
      }
    }
    return;
  }
  for (let n = from; n < end; n++) yield [n, randomMutation(image, structures, new Random(Number(plan) + n))];
}

function verdict(outcome: Outcome): string {
  const grown = process.memoryUsage.rss() - startMemory;
  if (grown > MEMORY_LIMIT) return `fail memory grew by ${grown} bytes`;
  const {answers, errors, mostReads, mostBytes, codes} = outcome;
  return `ok ${answers} ${errors} ${mostReads} ${mostBytes} ${[...codes].join(',')}`;
}

for (const [n, mutation] of cases()) {
  say(`case ${n} ${mutation.description}`);
  // Half of the cases, where there are checksums at all: what they protect, and they themselves.
  const undo = apply(image, mutation, fixer.applies && n % 2 === 0 ? fixer : undefined);
  try {
    const owners = mutation.structures.map(({ino}) => ino).filter((ino) => ino !== 0);
    say(verdict(exercise(image, owners)));
  } catch (error) {
    say(`fail ${error instanceof Error ? error.stack?.split('\n').slice(0, 6).join(' ') : String(error)}`);
  } finally {
    undo();
  }
}
say('end');
