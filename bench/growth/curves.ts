import {svg} from '../report/plot.js';
import {shown} from '../report/statistics.js';
import {markdown} from '../report/table.js';

/** What is drawn, one plot each: its file is `growth-FILE.svg`. */
const PLOTS = {
  walkCold: {file: 'walk-cold', title: 'Walk, all caches dropped', x: 'files', y: 'seconds', log: true},
  walkWarm: {file: 'walk-warm', title: 'The same walk again', x: 'files', y: 'seconds', log: true},
  walkMemory: {file: 'walk-memory', title: 'Memory of the server after it', x: 'files', y: 'MiB', log: true},
  mountTime: {
    file: 'mount-time',
    title: 'Time of the Nth mount, to its first stat',
    x: 'mounts',
    y: 'ms',
    log: true,
  },
  mountMemory: {
    file: 'mount-memory',
    title: 'Memory of one server while N are mounted',
    x: 'mounts',
    y: 'MiB',
    log: true,
  },
  questions: {
    file: 'questions',
    title: 'Questions that reach the server, answered a second',
    x: 'clients',
    y: 'answers a second',
    log: true,
  },
  reads: {
    file: 'reads',
    title: 'Random reads of 4 KiB, O_DIRECT, a second',
    x: 'clients',
    y: 'reads a second',
    log: true,
  },
} as const;

export type CurveName = keyof typeof PLOTS;
type Point = readonly [x: number, y: number];

/** At most so many columns of one table; of longer curves some points are shown. */
const MOST_COLUMNS = 8;

/** What grows with what, for each contender. */
export class Curves {
  readonly #points: Record<string, Record<string, Point[]>> = {};
  readonly #contenders: readonly string[];

  /** @param contenders their names, in the order of colours and rows */
  constructor(contenders: readonly string[]) {
    this.#contenders = contenders;
  }

  /** Points of a curve are added in the order of x. */
  add(curve: CurveName, contender: string, x: number, y: number): void {
    this.#points[curve] ??= {};
    this.#points[curve][contender] ??= [];
    this.#points[curve][contender].push([x, y]);
  }

  /** All points, by curve and contender. */
  toJSON(): unknown {
    return this.#points;
  }

  /** A plot for each curve that has points, by the name of its file. */
  plots(): Map<string, string> {
    return new Map(
      this.#measured().map(([name, points]) => {
        const {file, ...plot} = PLOTS[name];
        const series = this.#contenders.map((each) => ({name: each, points: points[each] ?? []}));
        return [`growth-${file}.svg`, svg({...plot, series})];
      }),
    );
  }

  /** The same as tables, each under its plot. */
  text(): string {
    return this.#measured()
      .map(([name, points]) => {
        const {file, title, x, y} = PLOTS[name];
        const rows = this.#contenders.filter((each) => points[each] !== undefined);
        const xs = columns([...new Set(rows.flatMap((each) => points[each]!.map(([value]) => value)))]);
        const cells = rows.map((each) => {
          const of = new Map(points[each]);
          return [each, ...xs.map((value) => (of.has(value) ? shown(of.get(value)!) : '–'))];
        });
        const head = [`${title}: ${y}, by ${x}`, ...xs.map((value) => value.toLocaleString('en'))];
        return `![${title}](growth-${file}.svg)\n\n${markdown(head, cells)}`;
      })
      .join('\n\n');
  }

  #measured(): Array<[CurveName, Record<string, Point[]>]> {
    return (Object.keys(PLOTS) as CurveName[]).flatMap((name) => {
      const points = this.#points[name];
      return points === undefined ? [] : [[name, points]];
    });
  }
}

/** Of many values those with one digit that counts, 1, 2 or 5. */
function columns(xs: readonly number[]): readonly number[] {
  const sorted = [...xs].sort((a, b) => a - b);
  return sorted.length <= MOST_COLUMNS ? sorted : sorted.filter((x) => /^[125]0*$/.test(`${x}`));
}
