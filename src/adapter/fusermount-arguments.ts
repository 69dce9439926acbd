/** What somebody wants of fusermount. */
export type FusermountRequest =
  | {readonly do: 'mount'; readonly target: string; readonly options: readonly string[]}
  | {readonly do: 'unmount'; readonly target: string}
  /** Only to unmount once its caller is gone. */
  | {readonly do: 'watch'}
  | {readonly do: 'help' | 'version'};

/** A command line that fusermount would not take: the sentence for it. */
export class UsageError extends Error {}

const LONG: Readonly<Record<string, string>> = {
  unmount: 'u',
  lazy: 'z',
  quiet: 'q',
  help: 'h',
  version: 'V',
  options: 'o',
  'auto-unmount': 'U',
  'sync-init': 'S',
};

/**
 * Reads the command line of fusermount and fusermount3, as getopt_long(3) does for "hVo:uzqU": flags together or apart, `-o` with its
 * value behind it or as the next word, `--` and words without a dash in any place.
 *
 * @throws UsageError
 */
export function parseFusermount(args: readonly string[]): FusermountRequest {
  const places: string[] = [];
  const options: string[] = [];
  const flags = new Set<string>();
  for (let index = 0; index < args.length; index++) {
    const word = args[index] as string; // index < length
    if (word === '--') {
      places.push(...args.slice(index + 1));
      break;
    }
    if (word === '-' || !word.startsWith('-')) {
      places.push(word);
      continue;
    }
    const {letters, value} = word.startsWith('--') ? longFlag(word) : shortFlags(word);
    for (const letter of letters) flags.add(letter);
    if (!letters.includes('o')) continue;
    const text = value ?? args[++index];
    if (text === undefined) throw new UsageError("option requires an argument -- 'o'");
    options.push(...splitEscaped(text));
  }
  if (flags.has('h')) return {do: 'help'};
  if (flags.has('V')) return {do: 'version'};
  if (flags.has('z') && !flags.has('u')) throw new UsageError('-z can only be used with -u');
  if (flags.has('U') && flags.has('u')) throw new UsageError('-u and --auto-unmount exclude each other');
  if (flags.has('U')) return {do: 'watch'};
  const [target, extra] = places;
  if (target === undefined) throw new UsageError('missing mountpoint argument');
  if (extra !== undefined) throw new UsageError('extra arguments after the mountpoint');
  return flags.has('u') ? {do: 'unmount', target} : {do: 'mount', target, options};
}

function longFlag(word: string): {letters: string[]; value: string | undefined} {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals === -1 ? undefined : equals);
  const letter = Object.hasOwn(LONG, name) ? LONG[name] : undefined;
  if (letter === undefined) throw new UsageError(`unrecognized option '--${name}'`);
  return {letters: [letter], value: equals === -1 ? undefined : word.slice(equals + 1)};
}

function shortFlags(word: string): {letters: string[]; value: string | undefined} {
  const letters: string[] = [];
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] as string; // at < length
    if (!'hVouzqUs'.includes(letter)) throw new UsageError(`invalid option -- '${letter}'`);
    letters.push(letter);
    if (letter === 'o') return {letters, value: at + 1 < word.length ? word.slice(at + 1) : undefined};
  }
  return {letters, value: undefined};
}

/** At commas, where no backslash stands before; a backslash takes the next character as it is (libfuse's own way of writing a comma). */
function splitEscaped(text: string): string[] {
  const items: string[] = [];
  let item = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] === ',') {
      items.push(item);
      item = '';
    } else if (text[at] === '\\' && at + 1 < text.length) item += text[++at];
    else item += text[at];
  }
  return [...items, item].filter((each) => each !== '');
}
