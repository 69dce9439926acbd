import {describe, expect, test} from 'vitest';
import {CounterArray, type FileSystem, HOLD, modifies, OPCODE, SERVE} from '../../../src/fuse/index.js';
import {errorReply, Harness, request, rows, toRows} from './support.js';

const EINTR = 4;
const EIO = 5;
const UNLINK = request('UNLINK', rows('6100'));
const other = (unique: bigint) => request('UNLINK', rows('6200'), {unique});

/** A harness whose requests are judged by `verdict`. */
function judged(fs: FileSystem, more: {counters?: CounterArray; maxConcurrent?: number} = {}) {
  const done: string[] = [];
  const gate = {verdict: HOLD as number};
  const harness = new Harness(
    {unlink: (_parent, name) => void done.push(Buffer.from(name).toString()), ...fs},
    {maxConcurrent: more.maxConcurrent ?? 1},
    {
      intercept: (slot) => (slot.opcode === OPCODE.UNLINK ? gate.verdict : SERVE),
      ...(more.counters === undefined ? {} : {counters: more.counters}),
    },
  );
  return {harness, gate, done};
}

describe('a request that the owner holds', () => {
  test('is answered after resume, once, in order; others go on meanwhile', () => {
    const {harness, gate, done} = judged({});
    harness.send(UNLINK);
    harness.send(other(7n));
    expect(harness.session.held).toBe(2);
    expect(harness.errnoOf(request('STATFS'))).toBe(0);
    expect(done).toEqual([]);
    harness.replies.length = 0;
    gate.verdict = SERVE;
    harness.session.resume();
    expect(done).toEqual(['a', 'b']);
    expect(harness.replies.map((reply) => reply[8])).toEqual([6, 7]);
    expect(harness.session.held).toBe(0);
  });

  test('is held again when the owner says so', () => {
    const {harness, done} = judged({});
    harness.send(UNLINK);
    harness.session.resume();
    expect([harness.session.held, harness.replies.length, done.length]).toEqual([1, 0, 0]);
  });

  test('gets the errno that the owner wants', () => {
    const {harness, gate, done} = judged({});
    harness.send(UNLINK);
    gate.verdict = EIO;
    harness.session.resume();
    expect(harness.replies.map(toRows)).toEqual([errorReply(EIO)]);
    expect(harness.ask(UNLINK)[4]).toBe(256 - EIO);
    expect(done).toEqual([]);
  });

  test('ends with EINTR when its caller is interrupted', () => {
    const counters = new CounterArray();
    const {harness, gate, done} = judged({}, {counters});
    harness.send(UNLINK);
    expect(counters.current).toMatchObject({depth: 0, held: 1});
    harness.send(request('INTERRUPT', rows('0600000000000000  unique'), {unique: 9n}));
    expect(harness.replies.map(toRows)).toEqual([errorReply(EINTR)]);
    expect(counters.read(OPCODE.UNLINK).errorsByErrno).toEqual({EINTR: 1});
    expect(counters.current).toMatchObject({depth: 0, held: 0});
    gate.verdict = SERVE;
    harness.session.resume();
    expect([harness.replies.length, done.length]).toEqual([1, 0]);
  });

  test('ends with EIO when the connection does', () => {
    const {harness} = judged({});
    harness.send(UNLINK);
    harness.session.end();
    expect(harness.replies.map(toRows)).toEqual([errorReply(EIO)]);
  });

  test('goes on when a hook resumes in the middle of another request', () => {
    const done: string[] = [];
    let frozen = true;
    const harness: Harness = new Harness(
      {unlink: () => void done.push('unlink'), statfs: () => void done.push('statfs')},
      {maxConcurrent: 1},
      {
        intercept: ({opcode}) => {
          if (opcode === OPCODE.STATFS) {
            frozen = false;
            harness.session.resume();
          }
          return frozen ? HOLD : SERVE;
        },
      },
    );
    harness.send(UNLINK);
    harness.send(request('STATFS', undefined, {unique: 7n}));
    expect(done).toEqual(['statfs', 'unlink']);
    expect(harness.replies.length).toBe(2);
  });

  test('waits for a slot when its handlers take time', async () => {
    const open: Array<() => void> = [];
    const {harness, gate} = judged(
      {unlink: () => new Promise<void>((resolve) => open.push(resolve))},
      {maxConcurrent: 2},
    );
    for (const unique of [1n, 2n, 3n, 4n, 5n]) harness.send(other(unique));
    gate.verdict = SERVE;
    harness.session.resume();
    expect(harness.session.waiting).toBe(2);
    for (let round = 0; round < 5; round++) {
      open.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(harness.replies.map((reply) => reply[8])).toEqual([1, 2, 3, 4, 5]);
  });

  test('stops the reading when there are too many, which end and resume undo', () => {
    const {harness, gate, done} = judged({});
    for (let unique = 10n; unique < 10n + 1024n; unique++) harness.send(other(unique));
    expect(harness.session.acquire()).toBeUndefined();
    let free = 0;
    harness.session.onFree = () => free++;
    gate.verdict = SERVE;
    harness.session.resume();
    expect([done.length, free]).toEqual([1024, 1]);
    harness.send(UNLINK);
  });

  test('can be none that has no answer, nor the end of the connection', () => {
    const forgotten: number[] = [];
    let ended = 0;
    const harness = new Harness(
      {forget: (ino) => void forgotten.push(ino), destroy: () => void ended++},
      {},
      {intercept: () => HOLD},
    );
    harness.send(request('FORGET', new Uint8Array(8)));
    harness.send(request('DESTROY'));
    expect([forgotten, ended, harness.session.held]).toEqual([[5], 1, 0]);
  });
});

test('a hook that throws costs nobody an answer', () => {
  const harness = new Harness(
    {},
    {},
    {
      intercept: () => {
        throw new Error('broken');
      },
    },
  );
  expect(harness.errnoOf(request('STATFS'))).toBe(EIO);
});

describe('which requests modify', () => {
  const open = (flags: string) => request('OPEN', rows(`${flags} 00000000  flags open_flags`));
  const ioctl = (command: string) =>
    request(
      'IOCTL',
      rows('0000000000000000', `00000000 ${command}  flags cmd`, '0000000000000000', '0000000000000000'),
    );
  const table: Array<[what: string, bytes: Uint8Array, modifying: boolean]> = [
    ['a write', request('WRITE', new Uint8Array(40)), true],
    ['chmod', request('SETATTR', new Uint8Array(88)), true],
    ['mkdir', request('MKDIR', rows('00000000 00000000', '6100')), true],
    ['a lookup', request('LOOKUP', rows('6100')), false],
    ['fsync, which only keeps what was written', request('FSYNC', new Uint8Array(16)), false],
    ['opening to write', open('01000000'), false],
    ['opening to empty', open('01020000'), true],
    ['FS_IOC_GETFLAGS', ioctl('01660880'), false],
    ['FS_IOC_SETFLAGS', ioctl('02660840'), true],
  ];
  for (const [what, bytes, modifying] of table) {
    test(`${what}: ${modifying ? 'yes' : 'no'}`, () => {
      const seen: boolean[] = [];
      const harness = new Harness(
        {},
        {},
        {
          intercept: (slot) => {
            seen.push(modifies(slot));
            return SERVE;
          },
        },
      );
      harness.send(bytes);
      expect(seen).toEqual([modifying]);
    });
  }
});

test('counters: errors by errno, the longest time, what is being served', async () => {
  const counters = new CounterArray();
  for (const errno of [2, 2, 5, 999, 0]) counters.record(1, errno, errno * 10, 0, 0);
  expect(counters.read(1)).toMatchObject({
    errors: 4,
    errorsByErrno: {ENOENT: 2, EIO: 1, other: 1},
    maxNs: 9990,
  });
  const open: Array<() => void> = [];
  const harness = new Harness(
    {
      unlink: () => new Promise<void>((resolve) => open.push(resolve)),
      statfs: () => expect(counters.current.depth).toBe(1 + open.length),
    },
    {},
    {counters},
  );
  harness.errnoOf(request('STATFS'));
  expect(counters.current.depth).toBe(0);
  const before = performance.now();
  harness.send(UNLINK);
  harness.send(other(7n));
  const {depth, oldestMs} = counters.current;
  expect(depth).toBe(2);
  expect(oldestMs).toBeGreaterThanOrEqual(before);
  harness.errnoOf(request('STATFS', undefined, {unique: 8n}));
  expect(counters.current).toEqual({depth: 2, oldestMs, held: 0});
  open[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(counters.current.depth).toBe(1);
  expect(counters.current.oldestMs).toBeGreaterThan(oldestMs);
  expect(harness.errors).toEqual([]);
});
