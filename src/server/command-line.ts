import {parseArgs} from 'node:util';

/** What a server is started with. */
export interface ServerArguments {
  /** A type that it knows, `auto`, or `any`. */
  readonly type: string;
  /** Bytes of metadata blocks it keeps at most. */
  readonly cacheBytes: number;
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

/**
 * Reads `TYPE [--cache-bytes N] [--waiting]`.
 * @throws RangeError or parseArgs' own error, in a sentence
 */
export function parseServerArguments(args: readonly string[]): ServerArguments {
  const {positionals, values} = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {'cache-bytes': {type: 'string'}, waiting: {type: 'boolean', default: false}},
  });
  const [type] = positionals;
  if (type === undefined || positionals.length !== 1)
    throw new RangeError('expected one type of file system');
  const cacheBytes = Number(values['cache-bytes'] ?? CACHE_BYTES);
  if (!Number.isInteger(cacheBytes) || cacheBytes < LEAST_CACHE || cacheBytes > MOST_CACHE) {
    throw new RangeError(`--cache-bytes must be a whole number from ${LEAST_CACHE} to ${MOST_CACHE}`);
  }
  return {type, cacheBytes, waiting: values.waiting};
}
