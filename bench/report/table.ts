import {type Goal, verdict} from '../goals.js';
import type {Line} from './line.js';
import {timesBetter} from './line.js';
import {median, shown, summary} from './statistics.js';

/** The columns of the main table. */
export interface Columns {
  readonly contenders: readonly string[];
  /** Those of them that goals bind. */
  readonly ours: readonly string[];
  /** Those of them that ours are compared with. */
  readonly others: readonly string[];
}

/** A table in markdown; all columns but the first are numbers. */
export function markdown(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const text = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [text(head), text(rule), ...rows.map(text)].join('\n');
}

/** Medians with their spread, how many times better ours are, what is to be reached and whether it is. */
export function mainTable(
  lines: readonly Line[],
  {contenders, ours, others}: Columns,
  goalsOf: ReadonlyMap<string, readonly Goal[]>,
): string {
  const verdictHeads = ours.map((name) => (ours.length === 1 ? 'met' : `met by ${name}`));
  const head = ['', ...contenders, ...others.map((name) => `times better than ${name}`), 'goal'];
  const rows = lines.map((line) => {
    const goals = (goalsOf.get(line.name) ?? []).filter(
      ({only}) => only === undefined || ours.includes(only),
    );
    return [
      `${line.name}, ${line.unit}`,
      ...contenders.map((name) => summary(line.samples[name]?.values)),
      ...others.map((other) => ratios(line, ours, other)),
      goals.map(({text}) => text).join('; ') || '–',
      ...ours.map((name) => verdict(goals, line, name)),
    ];
  });
  return markdown([...head, ...verdictHeads], rows);
}

function ratios(line: Line, ours: readonly string[], other: string): string {
  const times = ours.map((name) => timesBetter(line, name, other));
  if (times.every((each) => each === undefined)) return '–';
  return times.map((each) => (each === undefined ? '–' : shown(each))).join(' / ');
}

/** Processor time, client + server, medians. */
export function cpuTable(lines: readonly Line[], contenders: readonly string[]): string {
  const rows = lines
    .filter((line) => Object.values(line.samples).some(({clientCpu}) => clientCpu.length > 0))
    .map((line) => [
      `${line.name}, ${line.unit === 'µs' ? 'µs a call' : 's'}`,
      ...contenders.map((name) => {
        const {clientCpu = [], serverCpu = []} = line.samples[name] ?? {};
        if (clientCpu.length === 0) return '–';
        return `${shown(median(clientCpu))} + ${shown(median(serverCpu))}`;
      }),
    ]);
  return markdown(['', ...contenders], rows);
}

/** Everybody who was asked questions, one a row. */
export function questionTable(lines: readonly Line[], contenders: readonly string[]): string {
  const rows = contenders.map((name) => [
    name,
    ...lines.flatMap(({samples}) => {
      const {values, clientCpu = [], serverCpu = []} = samples[name] ?? {};
      const cpu = clientCpu.length === 0 ? '–' : `${shown(median(clientCpu))} + ${shown(median(serverCpu))}`;
      return [summary(values), cpu];
    }),
  ]);
  const head = lines.flatMap(({name}) => [`${name}, µs`, 'client + server, µs']);
  return markdown(['', ...head], rows);
}
