import assert from 'node:assert/strict';
import {MountError} from '../../src/helper/errors.js';
import type {ErrnoCode} from '../../src/sys/errno-codes.js';

/** A failure as it is told to the caller. */
export interface Expected {
  code: string;
  errno?: ErrnoCode;
  message: RegExp;
  exitCode?: 1 | 2;
}

/** The mount or unmount fails, and so it is told. */
export async function fails(mounting: Promise<unknown>, expected: Expected): Promise<MountError> {
  const error = await mounting.then(
    () => assert.fail('it worked'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MountError, String(error));
  assert.match(error.message, expected.message);
  assert.equal(error.code, expected.code);
  if (expected.errno !== undefined) assert.equal(error.errnoName, expected.errno);
  assert.equal(error.exitCode, expected.exitCode ?? 1);
  return error;
}
