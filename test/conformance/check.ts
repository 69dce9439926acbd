import assert from 'node:assert/strict';
import {codeOf} from '../support/snapshot-diff.js';

/** One demand on a directory that holds the tree of `test/support/tree/conformance.ts`. */
export interface Check {
  what: string;
  /** Only where nothing can be written. */
  readOnly?: true;
  /** @throws when the demand is not met */
  run(root: string): void;
}

/** Demands that an action fails with an error of a given name. */
export function fails(code: string, action: () => unknown): void {
  let result: unknown;
  try {
    result = action();
  } catch (error) {
    assert.equal(codeOf(error), code);
    return;
  }
  assert.fail(`${code} was expected, there was ${String(result)}`);
}
