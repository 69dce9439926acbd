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
const NAMES = Object.keys(PLOTS) as CurveName[];
type Point = readonly [x: number, y: number];

/** In the order of colours and rows. */
const CONTENDERS = ['kernel ext4', 'fuse2fs', 'fuseward', 'fuseward io_uring'];

/** At most so many columns of one table; of longer curves some points are shown. */
const MOST_COLUMNS = 8;

/** One curve for each contender, and the run that it comes from. */
interface Measured {
  readonly run: string;
  readonly points: Record<string, Point[]>;
}

/** What grows with what, for each contender. Curves may come from different runs. */
export class Curves {
  readonly #curves: Partial<Record<CurveName, Measured>> = {};
  readonly #run: string;

  /** @param run tells of the run that points are added in: its command, its machine */
  constructor(run: string) {
    this.#run = run;
  }

  /** Points of a curve are added in the order of x. */
  add(curve: CurveName, contender: string, x: number, y: number): void {
    this.#curves[curve] ??= {run: this.#run, points: {}};
    const {points} = this.#curves[curve];
    points[contender] ??= [];
    points[contender].push([x, y]);
  }

  /** Takes over the curves of an earlier run that this one has none of. @param json what `toJSON` gave then */
  complete(json: Partial<Record<CurveName, Measured>>): void {
    for (const name of NAMES) {
      const earlier = json[name];
      if (earlier !== undefined) this.#curves[name] ??= earlier;
    }
  }

  /** All points, by curve and contender. */
  toJSON(): Partial<Record<CurveName, Measured>> {
    return this.#curves;
  }

  /** A plot for each curve that has points, by the name of its file. */
  plots(): Map<string, string> {
    return new Map(
      this.#measured().map(([name, {points}]) => {
        const {file, ...plot} = PLOTS[name];
        const series = CONTENDERS.map((each) => ({name: each, points: points[each] ?? []}));
        return [`growth-${file}.svg`, svg({...plot, series})];
      }),
    );
  }

  /** The same as tables, each under its plot, and the runs they are from. */
  text(): string {
    const measured = this.#measured();
    const runs = [...new Set(measured.map(([, {run}]) => run))];
    const sections = measured.map(([name, {points}]) => {
      const {file, title, x, y} = PLOTS[name];
      const rows = CONTENDERS.filter((each) => points[each] !== undefined);
      const xs = columns([...new Set(rows.flatMap((each) => points[each]!.map(([value]) => value)))]);
      const cells = rows.map((each) => {
        const of = new Map(points[each]);
        return [each, ...xs.map((value) => (of.has(value) ? shown(of.get(value)!) : '–'))];
      });
      const head = [`${y}, by ${x}`, ...xs.map((value) => value.toLocaleString('en'))];
      return `![${title}](growth-${file}.svg)\n\n${markdown(head, cells)}`;
    });
    return [runs.join('\n'), ...sections].join('\n\n');
  }

  #measured(): Array<[CurveName, Measured]> {
    return NAMES.flatMap((name) => {
      const curve = this.#curves[name];
      return curve === undefined ? [] : [[name, curve]];
    });
  }
}

/** Of many values those with one digit that counts, 1, 2 or 5. */
function columns(xs: readonly number[]): readonly number[] {
  const sorted = [...xs].sort((a, b) => a - b);
  return sorted.length <= MOST_COLUMNS ? sorted : sorted.filter((x) => /^[125]0*$/.test(`${x}`));
}
