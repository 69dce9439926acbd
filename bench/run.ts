import {writeFileSync} from 'node:fs';
import {loadavg} from 'node:os';
import {join} from 'node:path';
import {CHECKOUT} from '../test/support/checkout.js';
import {field, withUring} from './contenders/all.js';
import {cannotPool} from './contenders/pool.js';
import type {Goal} from './goals.js';
import {benchImage, FULL, SHORT} from './image.js';
import {pause, stopBetween} from './machine/stop.js';
import {measureMemory, measureMount, measurePhase, measurePooledMounts} from './measure.js';
import {optionsOf} from './options.js';
import {
  MEMORY_AFTER,
  MEMORY_IDLE,
  MEMORY_PEAK,
  MOUNT,
  MOUNT_POOL,
  MOUNT_POOL_FIRST,
  type Phase,
  phases,
} from './phases.js';
import {Recorder} from './recorder.js';
import {rewriteDocument} from './report/docs.js';
import {commandLine, machine, type Report, reportText} from './report/report.js';

/** The same work on the same image by everybody in turn, several rounds: one table. See bench/README.md. */
const {values: options} = optionsOf(
  'bench -- [--short] [--rounds N] [--only NAME] [--lines REGEXP] [--out FILE] [--json FILE] [--docs]',
  {
    options: {
      short: {type: 'boolean', default: false},
      rounds: {type: 'string'},
      only: {type: 'string', multiple: true},
      lines: {type: 'string'},
      out: {type: 'string'},
      json: {type: 'string'},
      docs: {type: 'boolean', default: false},
    },
  },
);
const size = options.short ? SHORT : FULL;
const rounds = Number(options.rounds ?? (options.short ? 1 : 3));
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number from 1 on');
const wantedLine = new RegExp(options.lines ?? '');
const isWanted = ({line}: {line: string}): boolean => wantedLine.test(line);

const MEMORY = [MEMORY_IDLE, MEMORY_AFTER, MEMORY_PEAK];
const all = phases(size);
const wantedPhases = all
  .map(({start, steps}): Phase => ({start, steps: steps.filter(isWanted)}))
  .filter(({steps}) => steps.length > 0);
const goalsOf = new Map<string, readonly Goal[]>(
  [MOUNT, MOUNT_POOL, MOUNT_POOL_FIRST, ...MEMORY, ...all.flatMap(({steps}) => steps)].map((each) => [
    each.line,
    each.goals ?? [],
  ]),
);
const questions = all.flatMap(({steps}) => steps).filter(({question}) => question);
const asks = wantedPhases.some(({steps}) => steps.some(({question}) => question));

const load = loadavg()[0]!;
const {taking, absent} = field({questions: asks, only: options.only});
const recorder = new Recorder();
const image = benchImage(size);

// In the order of the table, whatever is measured first.
recorder.expect(MOUNT);
recorder.expect(MOUNT_POOL);
recorder.expect(MOUNT_POOL_FIRST);
/** Whose servers wait in a pool. */
const POOLED = 'fuseward';
const POOL_LINES = {first: MOUNT_POOL_FIRST, later: MOUNT_POOL};
const noPool = cannotPool();
const unmeasured = noPool === undefined ? absent : [...absent, {name: MOUNT_POOL.line, reason: noPool}];

const full = taking.filter(({questionsOnly}) => !questionsOnly);
const pools = noPool === undefined && isWanted(MOUNT_POOL) && full.some(({name}) => name === POOLED);

async function round(): Promise<void> {
  for (const contender of full) {
    if (isWanted(MOUNT)) measureMount(MOUNT, contender, image, recorder);
    await pause();
  }
  if (pools) await measurePooledMounts(POOL_LINES, POOLED, image, recorder);
  for (const phase of wantedPhases) {
    const questionsOfIt = {...phase, steps: phase.steps.filter(({question}) => question)};
    for (const contender of taking) {
      const part = contender.questionsOnly ? questionsOfIt : phase;
      if (part.steps.length > 0) measurePhase(part, contender, image, size, recorder);
      await pause();
    }
  }
  for (const contender of full) {
    if (MEMORY.some(isWanted)) measureMemory(contender, image, size, recorder);
    await pause();
  }
}

const started = Date.now();
stopBetween();
await withUring(taking, async () => {
  for (let i = 1; i <= rounds; i++) {
    await round();
    console.error(`round ${i} of ${rounds} done after ${Math.round((Date.now() - started) / 1000)} s`);
  }
});

const report: Report = {
  command: commandLine('bench', process.argv.slice(2)),
  machine: machine(),
  load,
  rounds,
  contenders: taking.map(({name, version, questionsOnly = false}) => ({name, version, questionsOnly})),
  absent: unmeasured,
  lines: [...recorder.lines.values()].filter(({name}) => isWanted({line: name})),
};
const asides = questions.filter(({aside}) => aside).map(({line}) => line);
const text = reportText(report, goalsOf, {questions: questions.map(({line}) => line), asides});
console.log(text);
if (options.out !== undefined) writeFileSync(options.out, text);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 1)}\n`);
if (options.docs) {
  rewriteDocument(join(CHECKOUT, 'docs', 'performance.md'), 'bench', text);
  rewriteDocument(join(CHECKOUT, 'README.md'), 'bench', reportText(report, goalsOf, {asides}));
}
