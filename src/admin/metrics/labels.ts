/** Most different values of one label for one mount: a server that made them up can't flood whoever scrapes. */
const MOST_VALUES = 64;

const NAME = /^[A-Za-z0-9_-]{1,40}$/;

/** The first entries of `record` whose keys can be label values. */
export function boundedEntries<T>(record: Readonly<Record<string, T>>): Array<[name: string, value: T]> {
  const entries: Array<[string, T]> = [];
  for (const [name, value] of Object.entries(record)) {
    if (!NAME.test(name)) continue;
    if (entries.length === MOST_VALUES) break;
    entries.push([name, value]);
  }
  return entries;
}
