import type {Operation} from './operation.js';
import {attributeOperations} from './operations/attributes.js';
import {connectionOperations} from './operations/connection.js';
import {directoryOperations} from './operations/directories.js';
import {fileOperations} from './operations/files.js';
import {lifecycleOperations} from './operations/lifecycle.js';
import {lockOperations} from './operations/locks.js';
import {nameOperations} from './operations/names.js';
import {spaceOperations} from './operations/space.js';
import {xattrOperations} from './operations/xattrs.js';

/** Every operation of the protocol, by no particular order. */
export const OPERATIONS: readonly Operation[] = [
  ...connectionOperations,
  ...nameOperations,
  ...attributeOperations,
  ...fileOperations,
  ...directoryOperations,
  ...xattrOperations,
  ...spaceOperations,
  ...lockOperations,
  ...lifecycleOperations,
];

/** Opcodes below this are found by index; the few above (CUSE, extensions) in a map. */
const DENSE = 64;

/** Finds the row of an opcode. */
export class DispatchTable {
  readonly #dense: Array<Operation | undefined> = new Array(DENSE).fill(undefined);
  readonly #others = new Map<number, Operation>();

  /** @param extensions rows of a protocol extension; an opcode that is already there is an error. */
  constructor(extensions: readonly Operation[] = []) {
    for (const row of [...OPERATIONS, ...extensions]) {
      if (this.find(row.opcode)) throw new Error(`two operations for opcode ${row.opcode} (${row.name})`);
      if (row.opcode < DENSE) this.#dense[row.opcode] = row;
      else this.#others.set(row.opcode, row);
    }
  }

  find(opcode: number): Operation | undefined {
    return opcode < DENSE ? this.#dense[opcode] : this.#others.get(opcode);
  }
}
