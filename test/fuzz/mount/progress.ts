/**
 * What a walker's thread is doing, in memory that the thread which watches it can read while the walker waits in a system
 * call: the number of the operation, when it began, and how long the longest so far took.
 */
export class Progress {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Float64Array;

  constructor(memory = new SharedArrayBuffer(64)) {
    this.memory = memory;
    this.#cells = new Float64Array(memory);
  }

  /** @param kind index into OPERATIONS */
  begin(kind: number): void {
    this.#cells[2] = kind;
    this.#cells[1] = Date.now();
    this.#cells[0] = this.operations + 1;
  }

  end(): void {
    const took = Date.now() - this.#cells[1]!;
    if (took > this.#cells[3]!) {
      this.#cells[3] = took;
      this.#cells[4] = this.#cells[2]!;
    }
    this.#cells[1] = 0;
  }

  reset(): void {
    this.#cells.fill(0);
  }

  /** Operations begun. */
  get operations(): number {
    return this.#cells[0]!;
  }

  /** The operation that runs, and since how many milliseconds. */
  get running(): {kind: string; ms: number} | undefined {
    const since = this.#cells[1]!;
    return since === 0 ? undefined : {kind: OPERATIONS[this.#cells[2]!] ?? '?', ms: Date.now() - since};
  }

  /** The operation that took longest. */
  get slowest(): {kind: string; ms: number} {
    return {kind: OPERATIONS[this.#cells[4]!] ?? '?', ms: this.#cells[3]!};
  }
}

/** Names of what a walker does. */
export const OPERATIONS = [
  'statfs',
  'stat',
  'open',
  'open for writing',
  'getdents',
  'lookup',
  'read',
  'direct read',
  'seek',
  'readlink',
  'listxattr',
  'getxattr',
  'ioctl',
  'fstat',
  'access',
] as const;
export type Operation = (typeof OPERATIONS)[number];
