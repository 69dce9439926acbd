import assert from 'node:assert/strict';
import {constants} from 'node:os';
import {test} from 'vitest';
import {Errno, errnoOf, errnoText} from '../../../src/sys/errno.js';
import {ERRNO, errnoCode} from '../../../src/sys/errno-codes.js';

test('the numbers are those of this system, each once', () => {
  const known = Object.entries(constants.errno).filter(([code]) => code in ERRNO);
  assert.ok(known.length > 70);
  for (const [code, number] of known) assert.equal(ERRNO[code as keyof typeof ERRNO], number, code);
  assert.equal(new Set(Object.values(ERRNO)).size, Object.keys(ERRNO).length);
  for (const [code, number] of Object.entries(ERRNO)) assert.equal(errnoCode(number), code);
});

test('an error tells number, name, call and object', () => {
  const error = new Errno('ENOENT', 'openat', '/some/path');
  assert.deepEqual(
    [error.errno, error.code, error.call, error.object, error.name, error instanceof Error],
    [2, 'ENOENT', 'openat', '/some/path', 'Errno', true],
  );
  assert.equal(error.message, 'openat /some/path: no such file or directory');
  assert.equal(new Errno(1, 'mount').message, 'mount: operation not permitted');
});

test('numbers that Linux has no name for keep their number', () => {
  assert.deepEqual([new Errno(4000, 'x').code, new Errno(4000, 'x').errno], ['E4000', 4000]);
  assert.equal(errnoText(4000), 'error 4000');
  // Linux has names that Node has no text for.
  assert.equal(errnoText(ERRNO.EUCLEAN), 'euclean');
});

const sources: Array<[what: string, error: unknown, errno: number]> = [
  ['our own', new Errno('EBUSY', 'x'), 16],
  ["Node's, which is negative", Object.assign(new Error(), {errno: -2, code: 'ENOENT'}), 2],
  ['a symbolic one', {errno: 'EUCLEAN'}, 117],
  ['a name inherited by every object', {errno: 'toString'}, 5],
  ['zero', {errno: 0}, 5],
  ['a fraction', {errno: 1.5}, 5],
  ['another error', new TypeError('no'), 5],
  ['null', null, 5],
  ['text', 'ENOENT', 5],
];
for (const [what, error, errno] of sources) {
  test(`the number in ${what}`, () => assert.equal(errnoOf(error), errno));
}

test('the fall-back is told by the caller', () => {
  assert.equal(errnoOf(undefined, ERRNO.EINVAL), 22);
});
