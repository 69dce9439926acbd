/** The values of one line: by contender, one a round. */
export interface Line {
  name: string;
  unit: 'ms' | 'MiB/s' | 'MiB';
  values: Map<string, number[]>;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function cell(values: readonly number[] | undefined): string {
  if (values === undefined || values.length === 0) return '–';
  return `${shown(median(values))} (${shown(Math.min(...values))}–${shown(Math.max(...values))})`;
}

/** How many times better the second is; more is better for MiB/s, less for the others. */
function ratio(line: Line, other: string, ours: string): string {
  const theirs = line.values.get(other);
  const own = line.values.get(ours);
  if (theirs === undefined || own === undefined || theirs.length === 0 || own.length === 0) return '–';
  const quotient = median(theirs) / median(own);
  return `${(line.unit === 'MiB/s' ? 1 / quotient : quotient).toFixed(2)}×`;
}

/** A markdown table: medians, the least and the largest value, and how fuseward compares. */
export function table(lines: readonly Line[], contenders: readonly string[]): string {
  const ours = 'fuseward';
  const others = contenders.includes(ours) ? contenders.filter((name) => name !== ours) : [];
  const head = ['', ...contenders, ...others.map((name) => `fuseward against ${name}`)];
  const rows = lines.map((line) => [
    `${line.name}, ${line.unit}`,
    ...contenders.map((name) => cell(line.values.get(name))),
    ...others.map((name) => ratio(line, name, ours)),
  ]);
  const text = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [text(head), text(rule), ...rows.map(text)].join('\n');
}
