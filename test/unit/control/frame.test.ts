import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import {encodeFrame, FrameReader, MAX_FRAME_SIZE} from '../../../src/control/frame.js';
import {bytes, hex} from '../service/bytes.js';

describe('control frames', () => {
  test('are a big-endian length and JSON', () => {
    assert.equal(hex(encodeFrame({a: 'ä'})), hex(bytes(`0000000a '{"a":"ä"}'`)));
  });

  test('come out whole however the bytes are cut', () => {
    const stream = [...encodeFrame({n: 1}), ...encodeFrame({n: 2}), ...encodeFrame({text: 'x'.repeat(300)})];
    for (const size of [1, 2, 3, 5, 7, 64, stream.length]) {
      const reader = new FrameReader();
      const messages = [];
      for (let at = 0; at < stream.length; at += size) {
        messages.push(...reader.push(Uint8Array.from(stream.slice(at, at + size))));
      }
      assert.deepEqual(messages, [{n: 1}, {n: 2}, {text: 'x'.repeat(300)}], `pieces of ${size}`);
    }
  });

  const invalid: Array<[what: string, dump: string, code: string]> = [
    ['an empty frame', '00000000', 'size'],
    ['a frame longer than allowed', '00010001', 'size'],
    ['a length near 2^32', 'ffffffff', 'size'],
    ['text that is not JSON', "00000002 'ab'", 'encoding'],
    ['text that is not UTF-8', '00000003 22ff22', 'encoding'],
    ['a list', "00000002 '[]'", 'value'],
    ['null', "00000004 'null'", 'value'],
    ['a number', "00000001 '7'", 'value'],
  ];
  for (const [what, dump, code] of invalid) {
    test(`${what} is refused, and nothing is taken after it`, () => {
      const reader = new FrameReader();
      assert.throws(() => reader.push(bytes(dump)), {name: 'FrameError', code});
      assert.deepEqual(reader.push(encodeFrame({n: 1})), []);
    });
  }

  test('the largest passes, one byte more does not', () => {
    const text = 'x'.repeat(MAX_FRAME_SIZE - 8);
    assert.deepEqual(new FrameReader().push(encodeFrame({a: text})), [{a: text}]);
    assert.throws(() => encodeFrame({a: `${text}x`}), {code: 'size'});
  });
});
