import {opcodeName} from '../fuse/index.js';
import {log} from '../server/log.js';
import {FAULT_NAMES, FAULTS, type Fault} from './faults.js';

/** Name of the memfd that a relay counts faults in; root finds it among its descriptors in /proc. */
export const FAULTS_NAME = 'fuseward-faults';

/** Bytes of memory to count in. */
export const FAULT_COUNTS_SIZE: number = FAULT_NAMES.length * Float64Array.BYTES_PER_ELEMENT;

/**
 * How often each kind of fault was found, in memory that the thread which answers managers reads. Of each kind the first is told in
 * the log, the tenth, the hundredth and so on: with all kinds that there are, far fewer lines than a log takes.
 */
export class FaultCounts {
  readonly #cells: Float64Array;
  readonly #tellAt: Float64Array;

  /** @param memory FAULT_COUNTS_SIZE bytes, zeros at first */
  constructor(memory: ArrayBuffer) {
    this.#cells = new Float64Array(memory, 0, FAULT_NAMES.length);
    this.#tellAt = new Float64Array(FAULT_NAMES.length).fill(1);
  }

  /** @param opcode of the request; 0 where it is not known */
  add(fault: Fault, opcode: number): void {
    const index = FAULT_NAMES.indexOf(fault);
    // A fault is in the list, so the cells are there.
    const count = (this.#cells[index] as number) + 1;
    this.#cells[index] = count;
    const tellAt = this.#tellAt[index] as number;
    if (count < tellAt) return;
    this.#tellAt[index] = tellAt * 10;
    const request = opcode === 0 ? {} : {request: opcodeName(opcode)};
    log(
      'warn',
      {fault, what: FAULTS[fault], ...request, count},
      'the server told the kernel something wrong',
    );
  }

  /** Those that were found, by kind. */
  read(): Partial<Record<Fault, number>> {
    const counts: Partial<Record<Fault, number>> = {};
    FAULT_NAMES.forEach((fault, index) => {
      const count = this.#cells[index] ?? 0;
      if (count > 0) counts[fault] = count;
    });
    return counts;
  }
}
