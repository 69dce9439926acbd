import {describe, expect, test} from 'vitest';
import {CounterArray, type FileSystem, failure, OPCODE} from '../../../src/fuse/index.js';
import {errorReply, Harness, reply, request, rows, text, toRows} from './support.js';

const settle = (): Promise<void> => new Promise(setImmediate);
const UNLINK = rows('6100');
/** INTERRUPT for a request: its own id is odd. */
const interrupt = (unique: bigint): Uint8Array => {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setBigUint64(0, unique, true);
  return request('INTERRUPT', body, {unique: unique | 1n, nodeid: 0n});
};

/** A file system whose unlink waits until it is told to go on, or is interrupted. */
function waiter(): {fs: FileSystem; open: Array<() => void>; aborted: () => number} {
  const open: Array<() => void> = [];
  let aborted = 0;
  const fs: FileSystem = {
    unlink: (_parent, _name, ctx) =>
      new Promise((resolve, reject) => {
        open.push(resolve);
        ctx.signal.addEventListener('abort', () => {
          aborted++;
          reject(failure('EINTR'));
        });
      }),
    rmdir() {},
  };
  return {fs, open, aborted: () => aborted};
}

describe('a handler that returns a promise', () => {
  test('is answered when it is settled, others before', async () => {
    const {fs, open} = waiter();
    const harness = new Harness(fs);
    harness.send(request('UNLINK', UNLINK, {unique: 10n}));
    harness.send(request('UNLINK', UNLINK, {unique: 12n}));
    harness.send(request('RMDIR', UNLINK));
    expect(harness.replies.map(toRows)).toEqual([reply()]);
    expect(harness.session.waiting).toBe(2);
    open[1]?.();
    await settle();
    open[0]?.();
    await settle();
    expect(harness.replies.slice(1).map((bytes) => bytes[8])).toEqual([12, 10]);
    expect(harness.session.waiting).toBe(0);
  });

  test('keeps its names and data while others come and go', async () => {
    const kept: string[] = [];
    const harness = new Harness({
      async mkdir(_parent, name, _mode, _umask, entry) {
        await settle();
        kept.push(Buffer.from(name).toString());
        entry.nodeid = 7;
        entry.attr.mode = 0o040755;
      },
      rmdir() {},
    });
    harness.send(request('MKDIR', rows('0000000000000000', '616263 00')));
    for (let i = 0; i < 5; i++) harness.send(request('RMDIR', text('zzzzzzzzzz\0')));
    await settle();
    await settle();
    expect(kept).toEqual(['abc']);
  });

  test('sees its interrupt and nobody else does', async () => {
    const {fs, aborted} = waiter();
    const harness = new Harness(fs);
    harness.send(request('UNLINK', UNLINK, {unique: 10n}));
    harness.send(request('UNLINK', UNLINK, {unique: 6n}));
    harness.send(interrupt(6n));
    await settle();
    expect(aborted()).toBe(1);
    expect(harness.replies.map(toRows)).toEqual([errorReply(4)]);
    expect(harness.session.waiting).toBe(1);
  });

  test('sees the interrupt of a request that was sent again', async () => {
    const {fs, aborted} = waiter();
    const harness = new Harness(fs);
    harness.send(request('UNLINK', UNLINK, {unique: 6n | (1n << 63n)}));
    harness.send(interrupt(6n));
    await settle();
    expect(aborted()).toBe(1);
    expect(new DataView(harness.replies[0]!.buffer).getBigUint64(8, true)).toBe(6n | (1n << 63n));
  });

  test('may ask for its signal after the interrupt', async () => {
    let seen: boolean | undefined;
    const harness = new Harness({
      async unlink(_parent, _name, ctx) {
        await settle();
        seen = ctx.signal.aborted;
      },
    });
    harness.send(request('UNLINK', UNLINK));
    harness.send(interrupt(6n));
    await settle();
    await settle();
    expect(seen).toBe(true);
    // The slot is used again; the next request starts afresh.
    harness.send(request('UNLINK', UNLINK));
    await settle();
    await settle();
    expect(seen).toBe(false);
  });

  test('an interrupt for a request that was answered goes unheard', () => {
    const harness = new Harness({rmdir() {}});
    harness.send(request('RMDIR', UNLINK));
    harness.send(interrupt(6n));
    expect(harness.replies).toHaveLength(1);
    expect(harness.errors).toEqual([]);
  });

  test('is a defect where nothing can wait, and answered at once', async () => {
    const {fs, open} = waiter();
    const harness = new Harness(fs, {maxConcurrent: 1});
    expect(toRows(harness.ask(request('UNLINK', UNLINK), false))).toEqual(errorReply(5));
    expect(harness.errors).toHaveLength(1);
    // The handler still has its slot; the session has another.
    expect(toRows(harness.ask(request('RMDIR', UNLINK), false))).toEqual(reply());
    open[0]?.();
    await settle();
    expect(harness.replies).toHaveLength(1);
  });

  test('no more wait than may, and the transport hears when there is room', async () => {
    const {fs, open} = waiter();
    const harness = new Harness(fs, {maxConcurrent: 2});
    let room = 0;
    harness.session.onFree = () => room++;
    harness.send(request('UNLINK', UNLINK, {unique: 10n}));
    harness.send(request('UNLINK', UNLINK, {unique: 12n}));
    expect(harness.session.acquire()).toBeUndefined();
    open[0]?.();
    await settle();
    expect(room).toBe(1);
    open[1]?.();
    await settle();
    expect(room).toBe(1);
  });

  test('is told and its caller answered when the connection ends', async () => {
    const {fs, aborted} = waiter();
    let destroyed = 0;
    fs.destroy = () => void destroyed++;
    const harness = new Harness(fs);
    harness.send(request('UNLINK', UNLINK));
    harness.session.end();
    harness.session.end();
    await settle();
    expect([aborted(), destroyed]).toEqual([1, 1]);
    expect(harness.replies).toHaveLength(1);
    expect(harness.session.waiting).toBe(0);
  });

  test('an end that the file system spoils is told of, not thrown', () => {
    const harness = new Harness({
      destroy() {
        throw new Error('too late');
      },
    });
    harness.session.end();
    expect(harness.errors.map(({request: {name}}) => name)).toEqual(['DESTROY']);
  });

  test('is counted once', async () => {
    const counters = new CounterArray();
    const {fs, open} = waiter();
    const harness = new Harness(fs, {}, {counters});
    harness.send(request('UNLINK', UNLINK));
    open[0]?.();
    await settle();
    expect(counters.read(OPCODE.UNLINK)).toMatchObject({count: 1, errors: 0});
  });
});

describe('what the kernel forgets', () => {
  test('one and many', () => {
    const forgotten: Array<[number, number]> = [];
    const harness = new Harness({forget: (ino, count) => void forgotten.push([ino, count])});
    harness.send(request('FORGET', rows('0300000000000000  nlookup'), {nodeid: 9n}));
    harness.send(
      request(
        'BATCH_FORGET',
        rows(
          '03000000 00000000  count dummy',
          '0a00000000000000  nodeid',
          '0100000000000000  nlookup',
          'ffffffffffffffff  nodeid: not ours',
          '0100000000000000  nlookup',
          '0b00000001000000  nodeid',
          '0200000000000000  nlookup',
        ),
        {nodeid: 0n},
      ),
    );
    expect(forgotten).toEqual([
      [9, 3],
      [10, 1],
      [0x1_0000_000b, 2],
    ]);
    expect(harness.replies).toEqual([]);
  });

  test('a batch that claims more than it brings', () => {
    const forgotten: number[] = [];
    const harness = new Harness({forget: (ino) => void forgotten.push(ino)});
    const body = rows('02000000 00000000', '0a00000000000000', '0100000000000000', '0b00000000000000');
    harness.send(request('BATCH_FORGET', body));
    expect([forgotten, harness.replies]).toEqual([[], []]);
  });
});
