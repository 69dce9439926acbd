import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import {Cleanup, eventually} from '../../../src/helper/cleanup.js';
import {MountError} from '../../../src/helper/errors.js';
import {type Evidence, explain, serverLogOf} from '../../../src/helper/failure.js';
import {ContextError} from '../../../src/helper/kernel-mount.js';
import {denied} from '../../../src/helper/member-source.js';
import {silent} from '../../../src/service/log.js';
import {ProtocolError} from '../../../src/service/protocol-error.js';
import {Errno} from '../../../src/sys/errno.js';

const base: Evidence = {
  object: '/img on /mnt',
  source: '/img',
  outcome: {ended: 'goodbye', exitCode: 1},
  problem: undefined,
  failure: undefined,
  detectedType: undefined,
  serverLog: undefined,
};
const kernelError = new ContextError(new Errno('EINVAL', 'fsconfig(fd)', 'fd 7'), ['e fuse: Bad value']);
const word = {errno: 'EUCLEAN' as const, code: 'sb-magic', message: 'not an ext4 image'};

describe('the sentence for a failed mount', () => {
  const rows: Array<[what: string, evidence: Partial<Evidence>, code: string, message: string]> = [
    [
      'an exit code alone',
      {},
      'server-refused',
      "can't mount /img on /mnt: the server failed with exit code 1",
    ],
    [
      "the server's word",
      {failure: word},
      'server-refused',
      "can't mount /img on /mnt: the server says: not an ext4 image (EUCLEAN)",
    ],
    [
      'a word without message or errno',
      {failure: {errno: undefined, code: 'sb-magic', message: ''}},
      'server-refused',
      "can't mount /img on /mnt: the server says: sb-magic",
    ],
    [
      'a member that was refused, where the server gives up for it',
      {
        failure: {errno: 'EACCES', code: 'member-refused', message: 'no member'},
        memberProblem: denied('/etc/shadow', 'nobody lists it'),
      },
      'member-denied',
      "can't mount /etc/shadow: nobody lists it",
    ],
    [
      'and not where it has other reasons',
      {failure: word, memberProblem: denied('/etc/shadow', 'nobody lists it')},
      'server-refused',
      "can't mount /img on /mnt: the server says: not an ext4 image (EUCLEAN)",
    ],
    [
      'a busy image, whatever the server says',
      {failure: word, problem: {action: 'open', error: new Errno('EBUSY', 'open', '/img')}},
      'source-busy',
      "can't mount /img: it is already mounted or in use",
    ],
    [
      'the kernel, whatever the server says',
      {
        failure: word,
        problem: {action: 'mount', error: kernelError},
      },
      'kernel',
      "can't mount /img on /mnt: the kernel refused in fsconfig(fd): invalid argument (EINVAL): fuse: Bad value",
    ],
    [
      'another error of opening, when the server is silent',
      {problem: {action: 'open', error: new Errno('EROFS', 'open', '/img')}},
      'source-unreadable',
      "can't mount /img: it can't be opened: read-only file system (EROFS)",
    ],
    [
      'a server that went without a word',
      {
        outcome: {
          ended: 'failed',
          reason: new ProtocolError('command', 'closed', 'ECONNRESET', 'the server exited'),
        },
      },
      'server-died',
      "can't mount /img on /mnt: the server exited",
    ],
    [
      'a server against the rules',
      {outcome: {ended: 'failed', reason: new ProtocolError('NOPE', 'magic', 'EPROTO', 'no such command')}},
      'conversation',
      "can't mount /img on /mnt: the server broke the protocol: NOPE: no such command",
    ],
    [
      'a goodbye of success without a mount',
      {outcome: {ended: 'goodbye', exitCode: 0}},
      'server-refused',
      "can't mount /img on /mnt: the server said goodbye without having anything mounted",
    ],
  ];
  for (const [what, evidence, code, message] of rows) {
    test(`tells of ${what}`, () => {
      const error = explain({...base, ...evidence});
      assert.ok(error instanceof MountError);
      assert.equal(error.message, message);
      assert.equal(error.code, code);
      assert.equal(error.exitCode, 1);
    });
  }

  test('keeps the end of a log, line by line', () => {
    const log = `${'x'.repeat(5000)}\nlast \u001b[1mline\u001b[0m\n\n`;
    const {serverLog} = serverLogOf(log);
    assert.equal(serverLog?.at(-1), 'last [1mline [0m');
    assert.ok((serverLog?.join('').length ?? 0) < 2100);
    assert.deepEqual(serverLogOf(''), {});
    assert.deepEqual(serverLogOf(undefined), {});
  });
});

describe('clean-up', () => {
  for (const failed of [true, false]) {
    test(`runs backwards, ${failed ? 'all of it' : 'without what is for failures'}`, async () => {
      const done: string[] = [];
      const cleanup = new Cleanup(silent);
      cleanup.always('first', () => void done.push('first'));
      cleanup.onFailure('second', () => void done.push('second'));
      cleanup.always('third', () => {
        done.push('third');
        throw new Error('stuck');
      });
      await cleanup.run(failed);
      assert.deepEqual(done, failed ? ['third', 'second', 'first'] : ['third', 'first']);
      await cleanup.run(failed);
      assert.equal(done.length, failed ? 3 : 2, 'and once');
    });
  }

  test('waits until it is so, or gives up', async () => {
    let asked = 0;
    assert.equal(await eventually(() => ++asked === 3, 5000, 1), true);
    assert.equal(asked, 3);
    assert.equal(await eventually(() => false, 10, 1), false);
  });
});
