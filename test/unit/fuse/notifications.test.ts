import {describe, expect, test} from 'vitest';
import {Notifier} from '../../../src/fuse/index.js';
import {Harness, request, rows, text, toRows} from './support.js';

function sent(action: (notifier: Notifier) => unknown): string[] {
  const messages: Uint8Array[] = [];
  action(new Notifier((bytes, length) => messages.push(bytes.slice(0, length))));
  expect(messages).toHaveLength(1);
  return toRows(messages[0]!);
}

describe('a notification is exactly these bytes', () => {
  const table: Array<[what: string, action: (notifier: Notifier) => unknown, expected: Uint8Array]> = [
    [
      'poll',
      (n) => n.poll(11),
      rows('18000000 01000000  len code', '0000000000000000  unique', '0b00000000000000  kh'),
    ],
    [
      'invalInode, attributes only',
      (n) => n.invalInode(7, -1),
      rows(
        '28000000 02000000  len code',
        '0000000000000000  unique',
        '0700000000000000  ino',
        'ffffffffffffffff  off',
        '0000000000000000  len',
      ),
    ],
    [
      'invalInode, part of the pages',
      (n) => n.invalInode(7, 4096, 8192),
      rows(
        '28000000 02000000',
        '0000000000000000',
        '0700000000000000',
        '0010000000000000',
        '0020000000000000',
      ),
    ],
    [
      'invalEntry',
      (n) => n.invalEntry(1, text('abc')),
      rows(
        '24000000 03000000  len code',
        '0000000000000000  unique',
        '0100000000000000  parent',
        '03000000 00000000  namelen flags',
        '616263 00  name',
      ),
    ],
    [
      'invalEntry, expiring',
      (n) => n.invalEntry(1, text('abc'), {expireOnly: true}),
      rows('24000000 03000000', '0000000000000000', '0100000000000000', '03000000 01000000', '616263 00'),
    ],
    [
      'delete',
      (n) => n.delete(1, 7, text('abc')),
      rows(
        '2c000000 06000000  len code',
        '0000000000000000  unique',
        '0100000000000000  parent',
        '0700000000000000  child',
        '03000000 00000000  namelen padding',
        '616263 00  name',
      ),
    ],
    [
      'store',
      (n) => n.store(7, 4096, Uint8Array.of(1, 2)),
      rows(
        '2a000000 04000000  len code',
        '0000000000000000  unique',
        '0700000000000000  nodeid',
        '0010000000000000  offset',
        '02000000 00000000  size padding',
        '0102  data',
      ),
    ],
    [
      'retrieve',
      (n) => void n.retrieve(7, 4096, 100),
      rows(
        '30000000 05000000  len code',
        '0000000000000000  unique',
        '0100000000000000  notify_unique',
        '0700000000000000  nodeid',
        '0010000000000000  offset',
        '64000000 00000000  size padding',
      ),
    ],
    ['resend', (n) => n.resend(), rows('10000000 07000000', '0000000000000000')],
    ['incEpoch', (n) => n.incEpoch(), rows('10000000 08000000', '0000000000000000')],
    [
      'prune',
      (n) => n.prune([7, 2 ** 40]),
      rows(
        '30000000 09000000  len code',
        '0000000000000000  unique',
        '02000000 00000000  count padding',
        '0000000000000000  spare',
        '0700000000000000  nodeid',
        '0000000000010000  nodeid',
      ),
    ],
  ];
  for (const [what, action, expected] of table) {
    test(what, () => expect(sent(action)).toEqual(toRows(expected)));
  }

  for (const name of ['', 'a/b', 'a\0b', 'a'.repeat(1025)]) {
    test(`not with the name ${JSON.stringify(name.slice(0, 5))} of ${name.length} bytes`, () => {
      const never = new Notifier(() => {
        throw new Error('sent');
      });
      expect(() => never.invalEntry(1, text(name))).toThrow(expect.objectContaining({code: 'EINVAL'}));
      expect(() => never.delete(1, 7, text(name))).toThrow(expect.objectContaining({code: 'EINVAL'}));
    });
  }
});

describe('retrieve', () => {
  /** NOTIFY_REPLY for a retrieve with some data from 4096 on. */
  const answer = (unique: bigint, data: string): Uint8Array =>
    request(
      'NOTIFY_REPLY',
      Uint8Array.from([
        ...rows('0000000000000000  dummy', '0010000000000000  offset'),
        ...[data.length, 0, 0, 0],
        ...new Array(20).fill(0),
        ...text(data),
      ]),
      {unique},
    );

  test('is answered by a request', async () => {
    const notifier = new Notifier(() => {});
    const harness = new Harness(
      {},
      {},
      {onRetrieved: (unique, offset, data) => notifier.retrieved(unique, offset, data)},
    );
    const first = notifier.retrieve(7, 4096, 100);
    const second = notifier.retrieve(8, 4096, 100);
    harness.send(answer(2n, 'second'));
    harness.send(answer(1n, 'one'));
    expect(await first).toEqual({offset: 4096, data: text('one')});
    expect(await second).toEqual({offset: 4096, data: text('second')});
    expect(harness.replies).toEqual([]);
    expect(notifier.retrieved(1, 0, text('again'))).toBe(false);
  });

  test('that the kernel refuses, and that outlives the connection', async () => {
    const refused = new Notifier(() => {
      throw Object.assign(new Error('x'), {code: 'ENOENT', errno: -2});
    });
    await expect(refused.retrieve(7, 0, 1)).rejects.toMatchObject({code: 'ENOENT'});
    const notifier = new Notifier(() => {});
    const waiting = notifier.retrieve(7, 0, 1);
    notifier.close();
    await expect(waiting).rejects.toMatchObject({code: 'ECANCELED'});
  });
});
