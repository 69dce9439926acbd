import {describe, expect, test} from 'vitest';
import {ControlError} from '../../../src/control/index.js';
import {fromCommand, fromControl} from '../../../src/manager/errors.js';

describe('what a command failed with', () => {
  test.each([
    ['source-missing', 'ENOENT', 'invalid'],
    ['source-busy', 'EBUSY', 'conflict'],
    ['target-busy', 'EBUSY', 'conflict'],
    ['target-kind', 'EINVAL', 'invalid'],
    ['target-kind', 'EACCES', 'denied'],
    ['bad-option', 'EINVAL', 'invalid'],
    ['bad-option', 'EPERM', 'denied'],
    ['bad-policy', undefined, 'denied'],
    ['not-root', 'EPERM', 'denied'],
    ['no-driver', 'ENODEV', 'no-driver'],
    ['server-refused', 'EUCLEAN', 'server-failed'],
    ['deadline', 'ETIMEDOUT', 'timeout'],
    ['not-ours', 'EPERM', 'conflict'],
    ['no-fuse', 'ENOENT', 'unsupported'],
    ['a-code-of-tomorrow', undefined, 'server-failed'],
  ])('%s with %s is %s', (code, errno, kind) => {
    const error = fromCommand({code, errno, message: "can't mount /a on /b: no"});
    expect(error).toMatchObject({kind, code, errno, message: "can't mount /a on /b: no"});
  });
});

describe('what a server answered an order with', () => {
  test.each<[ConstructorParameters<typeof ControlError>, string, string]>([
    [['timeout', 'timeout', 'no answer', 'ETIMEDOUT'], 'timeout', 'no-answer'],
    [['busy', 'busy', 'many'], 'conflict', 'busy'],
    [['closed', 'closed', 'gone'], 'server-failed', 'not-connected'],
    [['refused', 'unknown-order', 'no', 'EOPNOTSUPP'], 'unsupported', 'unknown-order'],
    [['refused', 'too-small', 'no', 'EINVAL'], 'invalid', 'too-small'],
    [['refused', 'busy-thread', 'no', 'ETIMEDOUT'], 'timeout', 'busy-thread'],
    [['refused', 'other', 'no', 'EIO'], 'server-failed', 'other'],
  ])('%j is %s', (parts, kind, code) => {
    const error = fromControl('/mnt', 'freeze', new ControlError(...parts));
    expect(error).toMatchObject({kind, code});
    expect(error.message).toMatch(/^can't freeze \/mnt: /);
  });

  test('its words are fit for a terminal', () => {
    const said = new ControlError('refused', 'no', 'a\u001b[2Jb\nc', 'EIO');
    expect(fromControl('/mnt', 'sync', said).message).toBe("can't sync /mnt: the server says: a [2Jb c");
  });
});
