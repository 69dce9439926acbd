import {writeSync} from 'node:fs';

/** Lines a server writes in its life at most: a hostile image must not be able to fill a log. */
const LINE_LIMIT = 500;
let lines = 0;

/**
 * Writes an event and its values as one JSON line to standard error, in pino's format. pino itself stays outside: what is loaded
 * into a server is attack surface and start-up time.
 */
export function log(
  level: 'info' | 'warn' | 'error',
  values: Record<string, unknown>,
  message: string,
): void {
  lines++;
  if (lines > LINE_LIMIT) return;
  const number = {info: 30, warn: 40, error: 50}[level];
  const last = lines === LINE_LIMIT ? {last: true} : {};
  const line = JSON.stringify(
    {level: number, time: Date.now(), ...values, ...last, msg: message},
    (_, value) => (typeof value === 'bigint' ? value.toString() : value),
  );
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nobody listens, or the log is full: the work goes on.
  }
}
