import {pad, shorten, textWidth} from './text.js';

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** A column of paths or names, which is shortened in the middle when the terminal is too narrow. */
  readonly flexible?: boolean;
}

/** Space between columns. */
const GAP = 2;
/** A shortened column is never narrower than this (or than its title). */
const LEAST_FLEXIBLE = 8;

/**
 * Takes columns from the widest flexible column, again and again, until the table fits or nothing is left to take. Ends after
 * as many steps as there are columns too many.
 */
function narrowed(widths: readonly number[], columns: readonly Column[], width: number): number[] {
  const fitted = [...widths];
  const least = (index: number): number => Math.max(LEAST_FLEXIBLE, textWidth(columns[index]!.title));
  let excess = fitted.reduce((sum, one) => sum + one, 0) + GAP * (fitted.length - 1) - width;
  for (; excess > 0; excess--) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      if (column.flexible !== true || fitted[index]! <= least(index)) continue;
      if (widest === -1 || fitted[index]! > fitted[widest]!) widest = index;
    }
    if (widest === -1) break;
    fitted[widest] = fitted[widest]! - 1;
  }
  return fitted;
}

/**
 * The lines of a table, the titles first. Cells are printable text.
 * @param width columns of the terminal; Infinity leaves everything as long as it is
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number = Number.POSITIVE_INFINITY,
): string[] {
  const titles = columns.map(({title}) => title);
  const natural = columns.map((_, index) =>
    Math.max(...[titles, ...rows].map((row) => textWidth(row[index] ?? ''))),
  );
  const widths = width === Number.POSITIVE_INFINITY ? natural : narrowed(natural, columns, width);
  return [titles, ...rows].map((row) =>
    columns
      .map(({align = 'left'}, index) => pad(shorten(row[index] ?? '', widths[index]!), widths[index]!, align))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

/** Columns of the terminal that standard output goes to; Infinity when it goes elsewhere. */
export function outputWidth(): number {
  return process.stdout.isTTY === true ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
}
