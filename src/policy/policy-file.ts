import {parse, TomlError} from 'smol-toml';
import type {AllowRule, Origin} from './allow-rule.js';
import {commandProblems} from './command-check.js';
import {ALLOW_KEYS, KEYS, type KeyTable, TABLES} from './keys.js';
import {dottedPath, indexLines, type LineIndex} from './line-index.js';
import {nearest} from './nearest.js';
import {PolicyError, type PolicyProblem} from './policy-error.js';

/** What one policy file says, under the program's names. */
export interface PolicyFile {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly tables: Readonly<Record<keyof typeof TABLES, Readonly<Record<string, unknown>>>>;
  /** Its `[[allow]]` tables; undefined when it has none. */
  readonly allow: readonly AllowRule[] | undefined;
  /** Where each setting is said, by its key in the file. */
  readonly origins: Readonly<Record<string, Origin>>;
}

type Table = Record<string, unknown>;

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Reads one file's tables and gathers all that is wrong. */
class Reader {
  readonly problems: PolicyProblem[] = [];
  readonly origins: Record<string, Origin> = {};
  readonly #file: string;
  readonly #lines: LineIndex;

  constructor(file: string, lines: LineIndex) {
    this.#file = file;
    this.#lines = lines;
  }

  origin(path: ReadonlyArray<string | number>): Origin {
    // Every key of a text that was parsed is in the index; a table that is there by its keys alone has its first key's line.
    return {file: this.#file, line: this.#lines.get(dottedPath(path)) ?? 1};
  }

  wrong(path: ReadonlyArray<string | number>, reason: string): void {
    const key = path.filter((part) => typeof part === 'string');
    this.problems.push({...this.origin(path), key: dottedPath(key), reason});
  }

  /** What is wrong, in the order of the file. */
  sorted(): PolicyProblem[] {
    return this.problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  }

  /** The known keys of a table under the program's names. @param others keys that are somebody else's to read */
  table(
    path: ReadonlyArray<string | number>,
    table: Table,
    keys: KeyTable,
    others: readonly string[] = [],
  ): Table {
    const values: Table = {};
    for (const [key, value] of Object.entries(table)) {
      if (others.includes(key)) continue;
      const known = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (known === undefined) {
        this.#unknown([...path, key], [...Object.keys(keys), ...others]);
        continue;
      }
      const read = known.kind.read(value);
      if (read === undefined) this.wrong([...path, key], known.kind.sentence);
      else {
        values[known.name] = read;
        this.origins[dottedPath([...path, key])] = this.origin([...path, key]);
      }
    }
    return values;
  }

  #unknown(path: ReadonlyArray<string | number>, known: readonly string[]): void {
    const meant = nearest(String(path.at(-1)), known);
    const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`;
    this.wrong(path, `is not known; ${hint}`);
  }

  /** A rule with the fallbacks of what it leaves out. */
  rule(index: number, table: unknown): AllowRule | undefined {
    const path = ['allow', index];
    if (!isTable(table)) {
      this.wrong(path, 'must be a table, [[allow]]');
      return undefined;
    }
    const before = this.problems.length;
    const rule: Table = {origin: this.origin(path)};
    const values = this.table(path, table, ALLOW_KEYS);
    for (const [key, {name, fallback}] of Object.entries(ALLOW_KEYS)) {
      if (fallback === undefined && !Object.hasOwn(table, key)) this.wrong(path, `needs ${key}`);
      rule[name] = values[name] ?? fallback;
    }
    if (this.problems.length > before) return undefined;
    const checked = rule as unknown as AllowRule;
    if (checked.users.length + checked.groups.length > 0) return checked;
    this.wrong(path, 'needs users or groups');
    return undefined;
  }
}

/**
 * Reads the text of a policy file.
 * @param file what messages call it
 * @throws PolicyError with everything that is wrong in it
 */
export function readPolicyText(file: string, text: string): PolicyFile {
  const parsed = parseToml(file, text);
  const reader = new Reader(file, indexLines(text));
  const settings = reader.table([], parsed, KEYS, [...Object.keys(TABLES), 'allow']);
  const tableOf = (name: keyof typeof TABLES): Table => {
    const table = Object.hasOwn(parsed, name) ? parsed[name] : {};
    if (isTable(table)) return reader.table([name], table, TABLES[name]);
    reader.wrong([name], `must be a table, [${name}]`);
    return {};
  };
  const tables = {server: tableOf('server'), containment: tableOf('containment')};
  for (const problem of commandProblems(tables.server)) reader.wrong(['server', 'command'], problem);
  const rules = Object.hasOwn(parsed, 'allow') ? parsed['allow'] : undefined;
  if (rules !== undefined && !Array.isArray(rules)) reader.wrong(['allow'], 'must be tables, [[allow]]');
  const allow = Array.isArray(rules) ? rules.map((rule, index) => reader.rule(index, rule)) : undefined;
  if (reader.problems.length > 0) throw new PolicyError(reader.sorted());
  for (const name of Object.keys(reader.origins)) if (name.startsWith('allow.')) delete reader.origins[name];
  if (allow !== undefined) reader.origins['allow'] = reader.origin(['allow']);
  return {settings, tables, allow: allow?.filter((rule) => rule !== undefined), origins: reader.origins};
}

function parseToml(file: string, text: string): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n', 1)[0] ?? 'is not TOML';
    throw new PolicyError([{file, line: error.line, column: error.column, reason}]);
  }
}
