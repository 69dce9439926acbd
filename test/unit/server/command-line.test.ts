import {expect, test} from 'vitest';
import {parseServerArguments} from '../../../src/server/command-line.js';

test('a server is started with a type, and has a value for all else', () => {
  expect(parseServerArguments(['ext4'])).toEqual({
    type: 'ext4',
    cacheBytes: 16_777_216,
    busyPollMicroseconds: 50,
    waiting: false,
  });
  const words = ['--cache-bytes=65536', '--busy-poll-microseconds=0', 'any', '--waiting'];
  expect(parseServerArguments(words)).toEqual({
    type: 'any',
    cacheBytes: 65_536,
    busyPollMicroseconds: 0,
    waiting: true,
  });
});

test.each([
  [[], 'expected one type of file system'],
  [['ext4', 'ext4'], 'expected one type of file system'],
  [['ext4', '--cache-bytes=65535'], '--cache-bytes must be a whole number from 65536 to 17179869184'],
  [['ext4', '--cache-bytes='], '--cache-bytes must be a whole number'],
  [['ext4', '--busy-poll-microseconds=10001'], 'must be a whole number from 0 to 10000'],
  [['ext4', '--busy-poll-microseconds=-1'], 'must be a whole number from 0 to 10000'],
  [['ext4', '--busy-poll-microseconds='], 'must be a whole number from 0 to 10000'],
  [['ext4', '--busy-poll-microseconds=1.5'], 'must be a whole number from 0 to 10000'],
])('%j is refused', (words, sentence) => {
  expect(() => parseServerArguments(words)).toThrow(sentence);
});
