import assert from 'node:assert/strict';
import {afterEach, beforeEach, describe, test} from 'vitest';
import {encodeFrame} from '../../../src/control/frame.js';
import {ControlChannel} from '../../../src/helper/control-channel.js';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {writeStream} from '../../../src/sys/socket.js';

describe('control channel', () => {
  let channel: ControlChannel;
  let server: OwnedFd;

  beforeEach(() => {
    channel = new ControlChannel();
    server = channel.takeServerEnd() as OwnedFd;
  });
  afterEach(() => {
    server.close();
    channel.close();
  });

  test('its other end is given once', () => assert.equal(channel.takeServerEnd(), undefined));

  test('says nothing until something was said, even when the server is gone', () => {
    assert.equal(channel.failure, undefined);
    server.close();
    assert.equal(channel.failure, undefined);
    assert.equal(channel.detectedType, undefined);
  });

  const failures: Array<[what: string, message: object, failure: object | undefined]> = [
    [
      'a reason',
      {event: 'failed', errno: 'EUCLEAN', code: 'extent-magic', message: 'bad magic'},
      {errno: 'EUCLEAN', code: 'extent-magic', message: 'bad magic'},
    ],
    [
      'an errno that is none',
      {event: 'failed', errno: 'EVIL', code: 'x', message: 'm'},
      {errno: undefined, code: 'x', message: 'm'},
    ],
    [
      'an errno of the prototype',
      {event: 'failed', errno: 'toString', code: 'x', message: 'm'},
      {errno: undefined, code: 'x', message: 'm'},
    ],
    [
      'fields of other types',
      {event: 'failed', errno: 5, code: {}, message: ['m']},
      {errno: undefined, code: 'unknown', message: ''},
    ],
    [
      'escape sequences',
      {event: 'failed', errno: 'EIO', code: '\u001b[1m', message: 'a\u001b[2Jb\n'},
      {errno: 'EIO', code: 'unknown', message: 'a [2Jb'},
    ],
    ['another event', {event: 'stats', errno: 'EIO'}, undefined],
  ];
  for (const [what, message, failure] of failures) {
    test(`takes ${what}`, () => {
      writeStream(server.fd, encodeFrame(message));
      assert.deepEqual(channel.failure, failure);
    });
  }

  test('takes what the server detected, if it is fit', () => {
    writeStream(server.fd, encodeFrame({event: 'detected', type: 'ext4', blockSize: 1024}));
    assert.equal(channel.detectedType, 'ext4');
    assert.equal(channel.blockSize, 1024);
    writeStream(server.fd, encodeFrame({event: 'detected', type: '../x', blockSize: -1}));
    writeStream(server.fd, encodeFrame({event: 'detected', type: 'a\nb', blockSize: 1.5}));
    assert.equal(channel.detectedType, 'ext4');
    assert.equal(channel.blockSize, 1024);
  });

  test('takes an account of the lock-down, if its numbers can be true', () => {
    const made = [
      {landlock: -1, systemCalls: 5},
      {landlock: 7, systemCalls: 1e9},
      {landlock: '7', systemCalls: 5},
      {},
    ];
    for (const numbers of made) writeStream(server.fd, encodeFrame({event: 'contained', ...numbers}));
    assert.equal(channel.lockDown, undefined);
    writeStream(server.fd, encodeFrame({event: 'contained', landlock: 7, systemCalls: 53, more: true}));
    assert.deepEqual(channel.lockDown, {landlock: 7, systemCalls: 53});
  });

  test('stops listening to nonsense', () => {
    writeStream(server.fd, Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    assert.equal(channel.failure, undefined);
    writeStream(server.fd, encodeFrame({event: 'failed', errno: 'EIO', code: 'x', message: 'm'}));
    assert.equal(channel.failure, undefined);
  });
});
