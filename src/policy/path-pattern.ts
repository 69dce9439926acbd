/**
 * Patterns of absolute paths. `*` stands for any characters of one name, `?` for one, `\` before a character for that character
 * itself; a name that is `**` stands for any number of names, and at the end for one at least. So `/srv/**` is everything below
 * /srv, and not /srv itself; `**` alone is every path. `~/` at the beginning is the caller's home directory.
 *
 * Matching costs at most (names of the pattern × names of the path) comparisons of two names, each at most the product of their
 * lengths; both are bounded (a path by PATH_MAX, a pattern when it is read), and nothing recurses.
 */

/** Longest pattern, characters. */
export const LONGEST_PATTERN = 1024;

/** What is wrong with a pattern; undefined when nothing is. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern === '**') return undefined;
  if (pattern.length > LONGEST_PATTERN) return `has more than ${LONGEST_PATTERN} characters`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it keeps out
  if (/[\x00-\x1f\x7f]/.test(pattern)) return 'has a control character';
  if (!/^~?\//.test(pattern)) return 'must begin with "/" or "~/"';
  for (const name of pattern.replace(/^~?\//, '').split('/')) {
    if (name === '') return 'has an empty name: two slashes, or one at the end';
    if (name === '.' || name === '..') return `has "${name}", and paths are compared without`;
    if (name !== '**' && name.includes('**'))
      return 'has "**" as a part of a name; it must be one of its own';
    if (/(?<!\\)(?:\\\\)*\\$/.test(name)) return 'has a backslash with nothing behind it';
  }
  return undefined;
}

/**
 * Whether a path fits a pattern.
 * @param path absolute, without symbolic links and without `.` and `..`; anything else fits nothing
 * @param home what `~` stands for; undefined when the caller has none, and then such a pattern fits nothing
 */
export function matchesPath(pattern: string, path: string, home?: string): boolean {
  if (!path.startsWith('/')) return false;
  if (pattern === '**') return true;
  let below = path;
  let rest = pattern;
  if (pattern.startsWith('~')) {
    // The root directory is the home of users who have none.
    if (home === undefined || !home.startsWith('/') || home === '/') return false;
    if (!path.startsWith(`${home}/`)) return false;
    below = path.slice(home.length);
    rest = pattern.slice(1);
  }
  return matchesNames(namesOf(rest), namesOf(below));
}

/** The pattern with its `~` replaced; undefined where that fits nothing, because there is no home. */
export function underHome(pattern: string, home: string | undefined): string | undefined {
  if (!pattern.startsWith('~')) return pattern;
  if (home === undefined || !home.startsWith('/') || home === '/') return undefined;
  return home.replace(/[*?\\]/g, '\\$&') + pattern.slice(1);
}

function namesOf(path: string): string[] {
  return path.split('/').slice(1);
}

/** Goes back to the last `**` only, which is enough: what an earlier one could take, the later one can as well. */
function matchesNames(pattern: readonly string[], path: readonly string[]): boolean {
  let [p, n] = [0, 0];
  let retry: {p: number; n: number} | undefined;
  while (n < path.length) {
    if (pattern[p] === '**') {
      if (p === pattern.length - 1) return true;
      retry = {p: p + 1, n};
      p++;
    } else if (p < pattern.length && matchesName(pattern[p]!, path[n]!)) {
      p++;
      n++;
    } else {
      if (retry === undefined) return false;
      retry.n++;
      ({p, n} = retry);
    }
  }
  return p === pattern.length;
}

/** The same with `*` within one name. */
function matchesName(pattern: string, name: string): boolean {
  let [p, n] = [0, 0];
  let retry: {p: number; n: number} | undefined;
  while (n < name.length) {
    const sign = pattern[p];
    if (sign === '*') {
      retry = {p: p + 1, n};
      p++;
      continue;
    }
    const literal = sign === '\\' ? pattern[p + 1] : sign;
    if (sign === '?' || (literal !== undefined && literal === name[n])) {
      p += sign === '\\' ? 2 : 1;
      n++;
    } else {
      if (retry === undefined) return false;
      retry.n++;
      ({p, n} = retry);
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
