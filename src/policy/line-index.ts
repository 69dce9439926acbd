/** Where each key and table of a TOML text is: line, counted from 1, by its dotted path. */
export type LineIndex = ReadonlyMap<string, number>;

/** Parts of a key as one text: `server.tasks`, `allow.0.users`; a part that TOML wants quoted is quoted. */
export function dottedPath(parts: ReadonlyArray<string | number>): string {
  return parts.map((part) => (/^[\w-]+$/.test(String(part)) ? String(part) : JSON.stringify(part))).join('.');
}

// What may come next, each from where the walk stands. A search at once takes a tenth of looking at each letter, in a program that has just started.
const SPACES = /[ \t]*/y;
const BLANK = /[\s,]*/y;
const BARE_KEY = /[\w-]*/y;
const BARE_VALUE = /[^\s,#\]}]*/y;

/**
 * Walks over a text that a TOML parser has accepted, which is why nothing is checked here, and notes where keys are. The
 * parser itself does not tell.
 */
class Walker {
  readonly lines = new Map<string, number>();
  readonly #text: string;
  /** How many tables each array of tables has so far. */
  readonly #counts = new Map<string, number>();
  #position = 0;
  #line = 1;
  #lineFoundUpTo = 0;

  constructor(text: string) {
    this.#text = text;
  }

  walk(): void {
    let table: Array<string | number> = [];
    // Ends: each statement is a byte long at least, and whatever is none is passed over.
    for (this.#skipBlank(); this.#position < this.#text.length; this.#skipBlank()) {
      if (this.#here === '[') table = this.#header();
      else this.#keyAndValue(table);
    }
  }

  get #here(): string {
    return this.#text[this.#position] ?? '';
  }

  #note(path: ReadonlyArray<string | number>, position: number): void {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#lineFoundUpTo);
      if (end === -1 || end >= position) break;
      this.#line++;
      this.#lineFoundUpTo = end + 1;
    }
    const name = dottedPath(path);
    if (!this.lines.has(name)) this.lines.set(name, this.#line);
  }

  /** Passes over spaces, line ends and comments, and over commas between items. */
  #skipBlank(): void {
    for (;;) {
      this.#pass(BLANK);
      if (this.#here !== '#') return;
      const end = this.#text.indexOf('\n', this.#position);
      this.#position = end === -1 ? this.#text.length : end;
    }
  }

  /** Passes over what a sticky expression matches, which may be nothing. @returns it */
  #pass(what: RegExp): string {
    what.lastIndex = this.#position;
    const [found = ''] = what.exec(this.#text) ?? [];
    this.#position += found.length;
    return found;
  }

  /** `[table]` or `[[array]]`: the path that the keys below it have. */
  #header(): Array<string | number> {
    const start = this.#position;
    const isArray = this.#text.startsWith('[[', start);
    this.#position += isArray ? 2 : 1;
    const path = this.#resolve(this.#key());
    this.#position += isArray ? 2 : 1;
    if (isArray) {
      const name = dottedPath(path);
      const count = this.#counts.get(name) ?? 0;
      this.#counts.set(name, count + 1);
      this.#note(path, start);
      path.push(count);
    }
    this.#note(path, start);
    return path;
  }

  /** A header speaks of the last table of each array on its way. */
  #resolve(parts: string[]): Array<string | number> {
    const path: Array<string | number> = [];
    for (const [index, part] of parts.entries()) {
      path.push(part);
      const count = this.#counts.get(dottedPath(path));
      if (count !== undefined && index < parts.length - 1) path.push(count - 1);
    }
    return path;
  }

  #keyAndValue(table: ReadonlyArray<string | number>): void {
    const start = this.#position;
    const path = [...table, ...this.#key()];
    for (let length = table.length + 1; length <= path.length; length++)
      this.#note(path.slice(0, length), start);
    this.#skipBlank();
    // The equals sign.
    this.#position++;
    this.#skipBlank();
    this.#value(path);
  }

  /** The parts of a dotted key; stands behind it afterwards. */
  #key(): string[] {
    const parts: string[] = [];
    for (;;) {
      this.#pass(SPACES);
      if (this.#here === '"' || this.#here === "'") parts.push(this.#string());
      else parts.push(this.#pass(BARE_KEY));
      this.#pass(SPACES);
      if (this.#here !== '.') return parts;
      this.#position++;
    }
  }

  #value(path: ReadonlyArray<string | number>): void {
    if (this.#here === '"' || this.#here === "'") this.#string();
    else if (this.#here === '[') this.#items(']', (index) => this.#item([...path, index]));
    else if (this.#here === '{') this.#items('}', () => this.#keyAndValue(path));
    else this.#pass(BARE_VALUE);
  }

  #item(path: ReadonlyArray<string | number>): void {
    this.#note(path, this.#position);
    this.#value(path);
  }

  #items(end: string, each: (index: number) => void): void {
    this.#position++;
    this.#skipBlank();
    for (let index = 0; this.#here !== end && this.#here !== ''; index++) {
      each(index);
      this.#skipBlank();
    }
    this.#position++;
  }

  /** Passes over a string of any of the four kinds. @returns what a key in it is called */
  #string(): string {
    const quote = this.#here;
    const long = this.#text.startsWith(quote.repeat(3), this.#position);
    const delimiter = long ? quote.repeat(3) : quote;
    const start = this.#position + delimiter.length;
    this.#position = start;
    while (this.#position < this.#text.length && !this.#text.startsWith(delimiter, this.#position)) {
      this.#position += quote === '"' && this.#here === '\\' ? 2 : 1;
    }
    const content = this.#text.slice(start, this.#position);
    this.#position += delimiter.length;
    // A long string may end in one or two quotes of its own.
    if (long) while (this.#here === quote) this.#position++;
    return quote === '"' && !long ? unescaped(content) : content;
  }
}

/** Escapes of TOML that JSON has not got stay as they are: no key of ours has any. */
function unescaped(content: string): string {
  try {
    return JSON.parse(`"${content}"`) as string;
  } catch {
    return content;
  }
}

/** Finds the lines of keys and tables in a text that is known to be TOML. */
export function indexLines(toml: string): LineIndex {
  const walker = new Walker(toml);
  walker.walk();
  return walker.lines;
}
