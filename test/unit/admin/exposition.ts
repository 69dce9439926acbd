/** One line of a scrape. */
export interface Line {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** A metric with everything that belongs to it. */
export interface ParsedFamily {
  help: string;
  type: string;
  lines: Line[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/y;

/**
 * Reads Prometheus' text format 0.0.4 and complains, as promtool does, of what a scraper or a reader would stumble over: lines
 * without HELP and TYPE, a family in two places, a series twice, names without units, buckets that fall.
 */
export function parseExposition(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, ParsedFamily>();
  const series = new Set<string>();
  let current: (ParsedFamily & {name: string}) | undefined;
  for (const line of text.split('\n')) {
    const head = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (head?.[1] === 'HELP') {
      const name = head[2] as string;
      if (families.has(name)) throw new Error(`${name} in two places`);
      current = {name, help: head[3] as string, type: '', lines: []};
      families.set(name, current);
    } else if (head?.[1] === 'TYPE') {
      if (current === undefined || current.name !== head[2])
        throw new Error(`TYPE of ${head[2]} without HELP`);
      current.type = head[3] as string;
    } else if (line !== '') {
      const sample = parseSample(line);
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (series.has(key)) throw new Error(`twice: ${line}`);
      series.add(key);
      const base =
        current?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
      if (current === undefined || base !== current.name) throw new Error(`outside of its family: ${line}`);
      current.lines.push(sample);
    }
  }
  for (const [name, family] of families) lint(name, family);
  return families;
}

function parseSample(text: string): Line {
  const match = SAMPLE.exec(text);
  if (match === null) throw new Error(`not a sample: ${text}`);
  const labels: Record<string, string> = {};
  const inside = match[2] ?? '';
  LABEL.lastIndex = 0;
  for (let at = 0; at < inside.length; at = LABEL.lastIndex) {
    const label = LABEL.exec(inside);
    if (label === null) throw new Error(`labels of ${text}`);
    labels[label[1] as string] = (label[2] as string).replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
  }
  const value = match[3] === '+Inf' ? Number.POSITIVE_INFINITY : Number(match[3]);
  if (Number.isNaN(value)) throw new Error(`not a number: ${text}`);
  return {name: match[1] as string, labels, value};
}

function lint(name: string, {help, type, lines}: ParsedFamily): void {
  if (help === '') throw new Error(`${name} has no help`);
  if (!['counter', 'gauge', 'histogram'].includes(type)) throw new Error(`${name} is a ${type}`);
  if ((type === 'counter') !== name.endsWith('_total'))
    throw new Error(`${name}: counters end in _total, others don't`);
  if (/milli|micro|_ms|_mb|kilo|mega/i.test(name)) throw new Error(`${name}: seconds and bytes only`);
  if (type === 'histogram') checkHistogram(name, lines);
}

function checkHistogram(name: string, lines: Line[]): void {
  const below = new Map<string, {le: number; count: number}>();
  const total = new Map<string, number>();
  for (const {name: line, labels, value} of lines) {
    const {le, ...rest} = labels;
    const key = JSON.stringify(rest);
    if (line === `${name}_count`) total.set(key, value);
    if (line !== `${name}_bucket`) continue;
    const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
    const last = below.get(key);
    if (last !== undefined && (bound <= last.le || value < last.count))
      throw new Error(`${name} falls at ${le}`);
    below.set(key, {le: bound, count: value});
  }
  for (const [key, {le, count}] of below) {
    if (le !== Number.POSITIVE_INFINITY) throw new Error(`${name}${key} lacks +Inf`);
    if (total.get(key) !== count) throw new Error(`${name}${key}: count is not the last bucket`);
  }
}
