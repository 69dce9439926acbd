import {IOMAP_NUMBERS, type IomapNumbers} from '../control/messages.js';
import type {IomapCounters} from '../iomap/index.js';

/** Bytes of these counters: a double each, in the order of IOMAP_NUMBERS. */
export const IOMAP_CELLS_SIZE = IOMAP_NUMBERS.length * Float64Array.BYTES_PER_ELEMENT;

/** The counters of a conversation about mappings as cells of shared memory. @param memory IOMAP_CELLS_SIZE bytes from `at` on */
export function iomapCells(memory: ArrayBuffer | SharedArrayBuffer, at: number): IomapCounters {
  const cells = new Float64Array(memory, at, IOMAP_NUMBERS.length);
  const counters = {};
  for (const [index, name] of IOMAP_NUMBERS.entries()) {
    Object.defineProperty(counters, name, {
      enumerable: true,
      get: () => cells[index],
      set: (value: number) => {
        cells[index] = value;
      },
    });
  }
  return counters as IomapCounters;
}

/** What was counted; undefined when nothing was: the kernel does not read by itself. */
export function iomapNumbers(counters: IomapCounters): IomapNumbers | undefined {
  return Object.values(counters).some((count) => count > 0) ? {...counters} : undefined;
}
