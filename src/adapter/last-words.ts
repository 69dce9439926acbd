import {fstatSync, readSync} from 'node:fs';
import {foreignText} from '../service/foreign-text.js';

/** Bytes of the log that are looked at, and characters that are told: the end of what was said tells most. */
const TAIL = 2_000;
const LONGEST = 280;
/** Lines of our own in the same log begin so. */
const OUR_LINE = '{"level":';

/** What a program writes to its standard error, which is our own as well, from now on. It can be read back where that is a file. */
export class LastWords {
  readonly #fd: number;
  readonly #start: number | undefined;

  constructor(fd = 2) {
    this.#fd = fd;
    const stats = fstatSync(fd);
    this.#start = stats.isFile() ? stats.size : undefined;
  }

  /** The end of what was said, fit for a sentence: lines with slashes between; '' for nothing. */
  read(): string {
    const lines = this.#tail()
      .split('\n')
      .filter((line) => !line.startsWith(OUR_LINE));
    const clean = lines.map((line) => foreignText(line, LONGEST)).filter((line) => line !== '');
    const joined = [...clean.join(' / ')];
    return joined.length > LONGEST ? `…${joined.slice(1 - LONGEST).join('')}` : joined.join('');
  }

  #tail(): string {
    if (this.#start === undefined) return '';
    try {
      const {size} = fstatSync(this.#fd);
      const from = Math.max(this.#start, size - TAIL);
      if (size <= from) return '';
      const buffer = Buffer.alloc(size - from);
      // By position: the writers' own must not move.
      return buffer.toString('utf8', 0, readSync(this.#fd, buffer, 0, buffer.length, from));
    } catch {
      // A log that can only be written to.
      return '';
    }
  }
}
