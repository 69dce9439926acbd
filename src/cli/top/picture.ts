import {style} from '../terminal/screen.js';
import {type Column, table} from '../terminal/table.js';
import {cut, pad, printable, textWidth} from '../terminal/text.js';
import {formatBytes, formatCount, formatSeconds, formatShare} from '../terminal/units.js';
import type {Row} from './rows.js';
import type {SortKey} from './sorting.js';

interface RowColumn {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** The column that is sorted by has its title in brackets. */
  readonly sort?: SortKey;
  /** On a narrow screen those with the highest number go first; 0 stays. */
  readonly expendable: number;
}

const told = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined ? '-' : format(value);

const COLUMNS: readonly RowColumn[] = [
  {title: 'HEALTH', cell: ({health}) => health, expendable: 0},
  {title: 'OPS/S', cell: (row) => told(row.requestsPerSecond, formatCount), sort: 'ops', expendable: 0},
  {title: 'ERR/S', cell: (row) => told(row.errorsPerSecond, formatCount), sort: 'errors', expendable: 3},
  {title: 'READ/S', cell: (row) => told(row.readPerSecond, formatBytes), sort: 'read', expendable: 1},
  {title: 'WRITE/S', cell: (row) => told(row.writtenPerSecond, formatBytes), sort: 'written', expendable: 7},
  {title: 'P99', cell: (row) => told(row.p99Seconds, formatSeconds), sort: 'p99', expendable: 2},
  {title: 'HITS', cell: (row) => told(row.hitShare, formatShare), sort: 'hits', expendable: 5},
  {title: 'QUEUE', cell: (row) => told(row.queueDepth, formatCount), expendable: 6},
  {title: 'CPU', cell: (row) => told(row.cpuShare, formatShare), sort: 'cpu', expendable: 4},
  {title: 'MEMORY', cell: (row) => told(row.residentBytes, formatBytes), sort: 'memory', expendable: 4},
];

/** Columns of an ordinary value and the gap before it. */
const USUAL_WIDTH = 9;
/** Columns that a name should have. */
const NAME_WIDTH = 16;

/** The columns for which a screen is wide enough. */
function columnsFor(width: number, sort: SortKey): RowColumn[] {
  let chosen = [...COLUMNS];
  while (NAME_WIDTH + USUAL_WIDTH * chosen.length > width) {
    const least = Math.max(...chosen.map((column) => (column.sort === sort ? 0 : column.expendable)));
    if (least === 0) break;
    chosen = chosen.filter((column) => column.expendable !== least || column.sort === sort);
  }
  return chosen;
}

/** What stands above the table. */
export interface Heading {
  readonly left: string;
  readonly right: string;
}

/** What is shown on a screen: a heading, the table, as many mounts as there is room for, and the keys. */
export function picture(
  rows: readonly Row[],
  {heading, sort, size}: {heading: Heading; sort: SortKey; size: {columns: number; rows: number}},
): string[] {
  const width = size.columns;
  const chosen = columnsFor(width, sort);
  const columns: Column[] = [
    {title: sort === 'name' ? '[TARGET]' : 'TARGET', flexible: true},
    ...chosen.map(({title, sort: own}) => ({
      title: own === sort ? `[${title}]` : title,
      align: 'right' as const,
    })),
  ];
  // The heading, the titles and the line of keys take three lines.
  const room = Math.max(0, size.rows - 3);
  const shown = rows.length > room ? rows.slice(0, Math.max(0, room - 1)) : rows;
  const cells = shown.map((row) => [printable(row.target), ...chosen.map(({cell}) => cell(row))]);
  const [titles, ...lines] = table(columns, cells, width);
  const space = Math.max(1, width - textWidth(heading.left) - textWidth(heading.right));
  const picture = [
    cut(`${heading.left}${' '.repeat(space)}${heading.right}`, width),
    style('inverse', pad(titles!, width), width),
    ...lines.map((line, index) => (shown[index]!.healthy ? cut(line, width) : style('bold', line, width))),
  ];
  if (shown.length < rows.length) picture.push(`and ${rows.length - shown.length} more`);
  while (picture.length < size.rows - 1) picture.push('');
  const keys = 'q quit  sort: o ops e errors r read w written p p99 h hits c CPU m memory n name';
  return [...picture.slice(0, Math.max(0, size.rows - 1)), cut(keys, width)];
}

/** The titles of plain lines. */
export function plainTitles(): string {
  return plain('TIME', [...COLUMNS.map(({title}) => title)], 'TARGET');
}

/** A row as a plain line. The target is last, so that the other columns stand below each other. */
export function plainLine(time: string, row: Row): string {
  return plain(
    time,
    COLUMNS.map(({cell}) => cell(row).replace(' ', '')),
    printable(row.target),
  );
}

function plain(time: string, cells: readonly string[], target: string): string {
  return [pad(time, 20), ...cells.map((cell) => pad(cell, 8, 'right')), target].join(' ');
}
