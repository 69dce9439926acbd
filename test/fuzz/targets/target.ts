import {Ext4Error} from '../../../src/ext4/index.js';
import {StripefsError} from '../../../src/stripefs/index.js';

/** One parser and a way to feed it any bytes. */
export interface Target {
  readonly name: string;
  /** Bytes of an input at most; more would only be cut off. */
  readonly maxBytes: number;
  /** Hands the bytes to the parser. @throws what must not be thrown, whatever the bytes are */
  run(bytes: Uint8Array): void;
}

/** Asks something of a parser; an error of the driver's own is as good as an answer. */
export function attempt<T>(question: () => T): T | undefined {
  try {
    return question();
  } catch (error) {
    const isOurs = error instanceof Ext4Error || error instanceof StripefsError;
    if (isOurs && /^E[A-Z0-9]+$/.test(error.errno)) return undefined;
    throw error;
  }
}

/** What a parser answered can't be. */
export class BadAnswer extends Error {}

export function must(condition: boolean, what: string): void {
  if (!condition) throw new BadAnswer(what);
}

/** A copy of the input with this length, filled up with zeros. */
export function padded(bytes: Uint8Array, length: number): Buffer {
  const copy = Buffer.alloc(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}
