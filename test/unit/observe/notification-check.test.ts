import {expect, test} from 'vitest';
import {body, changed, Judge, written} from './support.js';

const named = (head: Buffer, lengthAt: number, name: string, length = Buffer.byteLength(name)): Buffer =>
  Buffer.concat([changed(head, [lengthAt, length]), Buffer.from(`${name}\0`)]);
const entry = (name: string, length?: number): Buffer => named(body(16), 8, name, length);
const removal = (name: string, length?: number): Buffer => named(body(24), 16, name, length);
const store = (size: number, bytes: number, offset = 0n): Buffer =>
  Buffer.concat([body(24, [8, offset, 64], [16, size]), Buffer.alloc(bytes)]);
const prune = (count: number, bytes: number): Buffer =>
  Buffer.concat([body(16, [0, count]), Buffer.alloc(bytes)]);

/** Kind, message, what becomes of it. Sizes are those of the fuse_notify_* structs of linux/fuse.h. */
test.each<[what: string, kind: number, message: Buffer, is: string]>([
  ['a poll', 1, body(8), 'notification'],
  ['a poll that is too long', 1, body(9), 'dropped: notify-size'],
  ['an inode', 2, body(24, [8, -1n, 64]), 'notification'],
  ['half an inode', 2, body(23), 'dropped: notify-size'],
  ['an entry', 3, entry('name'), 'notification'],
  ['an entry that expires', 3, changed(entry('name'), [12, 1]), 'notification'],
  ['an entry with flags that there are not', 3, changed(entry('name'), [12, 2]), 'dropped: notify-kind'],
  ['an entry without a name', 3, entry(''), 'dropped: notify-name'],
  ['an entry with a slash', 3, entry('a/b'), 'dropped: notify-name'],
  ['an entry with a NUL', 3, entry('a\0b'), 'dropped: notify-name'],
  ['an entry of 256 bytes', 3, entry('n'.repeat(256)), 'dropped: notify-name'],
  ['a name shorter than it says', 3, entry('name', 5), 'dropped: notify-size'],
  ['a name longer than it says', 3, entry('name', 3), 'dropped: notify-size'],
  ['a name without its NUL', 3, entry('name', 4).subarray(0, -1), 'dropped: notify-size'],
  ['data', 4, store(100, 100), 'notification'],
  ['less data than it says', 4, store(100, 99), 'dropped: notify-size'],
  ['more data than it says', 4, store(100, 101), 'dropped: notify-size'],
  ['data before the file', 4, store(1, 1, 2n ** 63n), 'dropped: notify-range'],
  ['a question for data', 5, body(32), 'notification'],
  ['a question for data before the file', 5, body(32, [16, -1n, 64]), 'dropped: notify-range'],
  ['a removal', 6, removal('name'), 'notification'],
  ['a removal of nothing', 6, removal(''), 'dropped: notify-name'],
  ['everything again', 7, Buffer.alloc(0), 'dropped: notify-kind'],
  ['an epoch', 8, Buffer.alloc(0), 'notification'],
  ['an epoch with a body', 8, body(8), 'dropped: notify-size'],
  ['unused nodes', 9, prune(3, 24), 'notification'],
  ['more nodes than there are', 9, prune(0xffffffff, 24), 'dropped: notify-size'],
  ['a kind that there is not', 10, Buffer.alloc(0), 'dropped: notify-kind'],
  ['kind 0', 0, Buffer.alloc(0), 'dropped: notify-kind'],
  ['a negative kind', -1, Buffer.alloc(0), 'dropped: notify-kind'],
])('a notification of %s', (_, kind, message, is) => {
  expect(new Judge().judge(written(message, {unique: 0n, error: kind})).is).toBe(is);
});

test('a notification whose length is not what was written', () => {
  const message = written(body(8), {unique: 0n, error: 1, length: 16});
  expect(new Judge().judge(message).is).toBe('dropped: length');
});
