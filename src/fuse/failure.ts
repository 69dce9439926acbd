import {ERRNO, type ErrnoCode} from '../sys/errno-codes.js';

/**
 * An errno to throw from a handler. There is one shared object per code, without a stack: looking for names that
 * don't exist is an everyday request, and making an Error for each costs more than all the rest of the answer.
 */
export class Failure {
  readonly code: ErrnoCode;
  /** Positive error number. */
  readonly errno: number;

  constructor(code: ErrnoCode) {
    this.code = code;
    this.errno = ERRNO[code];
    Object.freeze(this);
  }
}

const shared = new Map<ErrnoCode, Failure>();

/** The shared failure of a code: `throw failure('ENOENT')`. */
export function failure(code: ErrnoCode): Failure {
  let known = shared.get(code);
  if (known === undefined) {
    known = new Failure(code);
    shared.set(code, known);
  }
  return known;
}

/** Throws the shared failure of a code; for expressions: `find(name) ?? fail('ENOENT')`. */
export function fail(code: ErrnoCode): never {
  throw failure(code);
}
