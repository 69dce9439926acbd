import {parseArgs} from 'node:util';

/** What a server is started with. */
export interface ServerArguments {
  /** A type that it knows, `auto`, or `any`. */
  readonly type: string;
  /** Bytes of metadata blocks it keeps at most. */
  readonly cacheBytes: number;
  /** How long it looks for the next request before it sleeps, microseconds. */
  readonly busyPollMicroseconds: number;
  /** It is started before there is a mount for it, and waits. */
  readonly waiting: boolean;
}

/** Stands for the type that the mount helper asks for: a socket unit for several types has one service. */
export const ANY_TYPE = 'any';

/** Bytes of metadata cached unless the launcher says otherwise. */
const CACHE_BYTES = 16 * 2 ** 20;
/** As in the policy's own check: room for a few blocks, and no more than any machine would spare for this. */
const LEAST_CACHE = 65_536;
const MOST_CACHE = 2 ** 34;

/** The same for looking for requests. */
const BUSY_POLL = 50;
const LONGEST_BUSY_POLL = 10_000;

/**
 * Reads `TYPE [--cache-bytes N] [--busy-poll-microseconds N] [--waiting]`.
 * @throws RangeError or parseArgs' own error, in a sentence
 */
export function parseServerArguments(args: readonly string[]): ServerArguments {
  const {positionals, values} = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      'cache-bytes': {type: 'string'},
      'busy-poll-microseconds': {type: 'string'},
      waiting: {type: 'boolean', default: false},
    },
  });
  const [type] = positionals;
  if (type === undefined || positionals.length !== 1)
    throw new RangeError('expected one type of file system');
  const cacheBytes = wholeNumber('cache-bytes', values['cache-bytes'], {
    fallback: CACHE_BYTES,
    least: LEAST_CACHE,
    most: MOST_CACHE,
  });
  const busyPollMicroseconds = wholeNumber('busy-poll-microseconds', values['busy-poll-microseconds'], {
    fallback: BUSY_POLL,
    least: 0,
    most: LONGEST_BUSY_POLL,
  });
  return {type, cacheBytes, busyPollMicroseconds, waiting: values.waiting};
}

function wholeNumber(
  name: string,
  text: string | undefined,
  {fallback, least, most}: {fallback: number; least: number; most: number},
): number {
  const value = text === undefined ? fallback : Number(text || Number.NaN);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`--${name} must be a whole number from ${least} to ${most}`);
}
