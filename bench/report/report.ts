import {cpus, release, totalmem} from 'node:os';
import type {Goal} from '../goals.js';
import type {Line} from './line.js';
import {type Columns, cpuTable, mainTable, questionTable} from './table.js';

/** All that a run found out; what `--json` writes. */
export interface Report {
  /** The command that made it. */
  readonly command: string;
  readonly machine: string;
  /** Load of the last minute, before the run. */
  readonly load: number;
  readonly rounds: number;
  readonly contenders: ReadonlyArray<{name: string; version: string; questionsOnly?: boolean}>;
  readonly absent: ReadonlyArray<{name: string; reason: string}>;
  readonly lines: readonly Line[];
}

/** Options that say where results go: no part of what was measured. */
const PLACES = ['--out', '--json'];

/** How a run was started, as a person would type it. */
export function commandLine(script: string, args: readonly string[]): string {
  const measuring = args.filter(
    (arg, i) => !PLACES.some((each) => arg.startsWith(each) || args[i - 1] === each),
  );
  const words = measuring.map((arg) => (/^[\w./=-]+$/.test(arg) ? arg : `'${arg}'`));
  return [`npm run ${script}`, ...(words.length > 0 ? ['--', ...words] : [])].join(' ');
}

/** Processor, memory, kernel and Node of this machine. */
export function machine(): string {
  const all = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  return `${all.length} × ${all[0]?.model ?? 'unknown CPU'}, ${gib} GiB, Linux ${release()}, Node ${process.version}`;
}

/**
 * The report as markdown: a head and the table; with questions also processor time, and everybody who was asked them.
 * @param asides lines that only stand with the questions
 */
export function reportText(
  report: Report,
  goalsOf: ReadonlyMap<string, readonly Goal[]>,
  {questions, asides}: {questions?: readonly string[]; asides: readonly string[]},
): string {
  const main = report.contenders.filter(({questionsOnly}) => !questionsOnly).map(({name}) => name);
  const columns: Columns = {
    contenders: main,
    ours: main.filter((name) => name.startsWith('fuseward')),
    others: main.filter((name) => !name.startsWith('fuseward')),
  };
  const {absent, contenders} = report;
  const shownContenders = contenders.filter(({questionsOnly}) => !questionsOnly || questions !== undefined);
  const lines = report.lines.filter(({name}) => !asides.includes(name));
  const timed = lines.some(({samples}) => Object.values(samples).some(({clientCpu}) => clientCpu.length > 0));
  const asked = report.lines.filter(({name}) => questions?.includes(name));
  return [
    `\`${report.command}\`; ${report.machine}; load ${report.load.toFixed(1)} before.`,
    `${shownContenders.map(({name, version}) => `${name}: ${version}`).join('; ')}.`,
    ...absent.map(({name, reason}) => `Not measured: ${name}, ${reason}.`),
    `Median (least–most) of ${report.rounds} alternating rounds. *Times better* above 1 is in favour of fuseward.`,
    '',
    mainTable(lines, columns, goalsOf),
    ...section('Processor time, client + server:', questions !== undefined && timed, () =>
      cpuTable(lines, main),
    ),
    ...section('The question that must reach the server, asked of everybody:', asked.length > 0, () =>
      questionTable(
        asked,
        report.contenders.map(({name}) => name),
      ),
    ),
    '',
  ].join('\n');
}

function section(title: string, wanted: boolean, table: () => string): string[] {
  return wanted ? ['', title, '', table()] : [];
}
