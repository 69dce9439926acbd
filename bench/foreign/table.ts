/** What was measured of a type. */
export interface Measured {
  readonly type: string;
  /** How it got its mount, `auto: fusermount`. */
  readonly way: string;
  /** MiB/s of each round. */
  readonly contained: readonly number[];
  readonly byHand: readonly number[];
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Of each round by itself, so that what the machine does otherwise meanwhile is in both. */
export function ratio({contained, byHand}: Measured): number {
  return median(contained.map((value, index) => value / byHand[index]!));
}

const spread = (values: readonly number[]): string =>
  `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)})`;

/** A line of the table that is shown: medians with the least and the largest. */
export function shownRow(measured: Measured): string {
  const {type, way, contained, byHand} = measured;
  return `| ${type} | ${way} | ${spread(contained)} | ${spread(byHand)} | ${ratio(measured).toFixed(2)} |`;
}

/** README's rows of these types with the way and the ratio as measured; what they say otherwise stays. @throws Error for a type without a row */
export function readmeRows(readme: string, all: readonly Measured[]): Map<string, string> {
  return new Map(
    all.map((measured) => {
      const row = readme.split('\n').find((line) => line.startsWith(`| \`${measured.type}\` |`));
      if (row === undefined) throw new Error(`README has no row for ${measured.type}`);
      const [type, server, , granted] = row.slice(2, -2).split(' | ');
      return [row, `| ${type} | ${server} | ${measured.way} | ${granted} | ${ratio(measured).toFixed(2)} |`];
    }),
  );
}
