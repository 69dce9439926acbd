import {printable} from '../terminal/text.js';

/** Lines of a server's log that are shown. */
const LINES = 10;
/** Characters of each. */
const WIDTH = 500;
/** pino's numbers for levels. */
const LEVELS: Readonly<Record<number, string>> = {30: 'info', 40: 'warning', 50: 'error'};

/** A line that our own servers write, JSON, for people; undefined for any other. It is untrusted all the same. */
function readable(line: string): string | undefined {
  if (!line.startsWith('{"level":')) return undefined;
  try {
    const {level, time, msg, ...values} = JSON.parse(line) as Record<string, unknown>;
    const name = LEVELS[level as number];
    if (name === undefined || typeof time !== 'number' || typeof msg !== 'string') return undefined;
    const when = new Date(time).toISOString().replace('T', ' ').replace(/\..*/, 'Z');
    const facts = Object.entries(values).map(([key, value]) => `${key} ${textOf(value)}`);
    return `${when} ${name}: ${msg}${facts.length === 0 ? '' : ` (${facts.join(', ')})`}`;
  } catch {
    return undefined;
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The end of a server's log, line by line fit for a terminal. @param log untrusted text */
export function logLines(log: string): string[] {
  if (log === '') return [];
  const lines = log.trim().split('\n').slice(-LINES);
  const shown = lines.map((line) => printable((readable(line) ?? line).slice(0, WIDTH)));
  return ['server log (its own words):', ...shown.map((line) => `  ${line}`)];
}
