import type {BlockSource} from '../../src/block/index.js';

/** More work was asked for than a sound driver needs for one operation, whatever the image says. */
export class TooMuchWork extends Error {}

/** An image in memory that counts how often and how much it is read, and stops what reads too much. */
export class MeteredSource implements BlockSource {
  readonly size: number;
  /** Since the last `begin`. */
  reads = 0;
  bytes = 0;
  readonly #image: Uint8Array;
  readonly #maxReads: number;
  readonly #maxBytes: number;

  constructor(image: Uint8Array, maxReads: number, maxBytes: number) {
    this.#image = image;
    this.size = image.length;
    this.#maxReads = maxReads;
    this.#maxBytes = maxBytes;
  }

  /** One operation begins. */
  begin(): void {
    this.reads = 0;
    this.bytes = 0;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.reads++;
    if (!Number.isSafeInteger(position) || position < 0 || !Number.isSafeInteger(length) || length < 0) {
      throw new TypeError(`read of ${length} bytes at ${position}`);
    }
    const count = Math.max(0, Math.min(length, this.size - position));
    this.bytes += count;
    if (this.reads > this.#maxReads || this.bytes > this.#maxBytes) {
      throw new TooMuchWork(`${this.reads} reads, ${this.bytes} bytes`);
    }
    target.set(this.#image.subarray(position, position + count), targetOffset);
    return count;
  }
}
