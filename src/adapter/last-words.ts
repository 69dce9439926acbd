import {fstatSync, readFileSync, readSync} from 'node:fs';
import {foreignText} from '../service/foreign-text.js';
import {sentenceOf} from '../service/last-words.js';

/** Bytes of the log that are looked at. */
const TAIL = 4_000;
/**
 * What a program writes to its standard error, which is our own as well, from now on. It can be read back where that is a file. How far it is written
 * tells the position that all writers share: a log may have its full size from the beginning.
 */
export class LastWords {
  readonly #fd: number;
  readonly #start: number | undefined;

  constructor(fd = 2) {
    this.#fd = fd;
    this.#start = fstatSync(fd).isFile() ? this.#position() : undefined;
  }

  /** What was said, or its beginning and its end, fit for a sentence: lines with slashes between; '' for nothing. */
  read(): string {
    const lines = this.#tail().split('\n');
    return sentenceOf(lines.map((line) => foreignText(line, TAIL)));
  }

  #tail(): string {
    if (this.#start === undefined) return '';
    try {
      const end = this.#position();
      const from = Math.max(this.#start, end - TAIL);
      if (end <= from) return '';
      const buffer = Buffer.alloc(end - from);
      // By position: the writers' own must not move.
      return buffer.toString('utf8', 0, readSync(this.#fd, buffer, 0, buffer.length, from));
    } catch {
      // A log that can only be written to.
      return '';
    }
  }

  #position(): number {
    return Number(/^pos:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${this.#fd}`, 'latin1'))?.[1] ?? 0);
  }
}
