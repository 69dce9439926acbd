import {describe, expect, test} from 'vitest';
import {OPCODE} from '../../../src/fuse/opcodes.js';
import {FAULT_NAMES} from '../../../src/observe/faults.js';
import {Outstanding} from '../../../src/observe/outstanding.js';
import {attributes, dirent, entry, ROWS} from './answers.rows.js';
import {body, Judge, request, written} from './support.js';

const FILE = 0o100644;
const DIRECTORY = 0o040755;

describe('what a server answers', () => {
  for (const {what, opcode, asked, sound, faults} of ROWS) {
    test(`${what}: what is sound passes`, () => {
      expect(new Judge().exchange(request(opcode, asked), written(sound))).toBe('sound');
      expect(new Judge().exchange(request(opcode, asked), written(Buffer.alloc(0), {error: -5}))).toBe(
        'sound',
      );
    });
    test.each(faults)(`${what}: %s`, (_, answer, fault) => {
      expect(FAULT_NAMES).toContain(fault);
      expect(new Judge().exchange(request(opcode, asked), written(answer))).toBe(fault);
    });
  }

  test('every request that is passed on has its row', () => {
    const tested = new Set(ROWS.map(({opcode}) => opcode));
    const judge = new Judge();
    const known = Object.entries(OPCODE).filter(([, opcode]) => judge.check.knows(opcode));
    // INIT has tests of its own.
    expect(known.filter(([, opcode]) => !tested.has(opcode)).map(([name]) => name)).toEqual(['INIT']);
  });

  test.each([
    ['a length that is not what was written', written(Buffer.alloc(8), {length: 25}), 'length'],
    ['a positive errno', written(Buffer.alloc(0), {error: 5}), 'errno'],
    ['an errno that there is not', written(Buffer.alloc(0), {error: -134}), 'errno'],
    ['an errno of the kernel alone', written(Buffer.alloc(0), {error: -512}), 'errno'],
    ['an error with a body', written(Buffer.alloc(8), {error: -2}), 'error-with-body'],
    ['fewer bytes than a header', written(Buffer.alloc(0)).subarray(0, 15), 'dropped: short'],
    ['an id that nobody asked with', written(Buffer.alloc(0), {unique: 10n}), 'dropped: unknown-request'],
    ['an id of 64 bits', written(Buffer.alloc(0), {unique: 2n ** 63n + 8n}), 'dropped: unknown-request'],
  ])('%s', (_, answer, is) => {
    expect(new Judge().exchange(request(OPCODE.FLUSH), answer)).toBe(is);
  });

  test('a request is answered once', () => {
    const judge = new Judge();
    expect(judge.exchange(request(OPCODE.FLUSH), written(Buffer.alloc(0)))).toBe('sound');
    expect(judge.judge(written(Buffer.alloc(0))).is).toBe('dropped: unknown-request');
  });

  test('the beginning of a record at the end of a listing is not passed on', () => {
    const whole = Buffer.concat([dirent('one'), dirent('two')]);
    const judge = new Judge();
    judge.ask(request(OPCODE.READDIR, body(40, [16, 4096])));
    const {is, reply} = judge.judge(written(Buffer.concat([whole, dirent('three').subarray(0, 29)])));
    expect(is).toBe('sound');
    expect(reply.length).toBe(16 + whole.length);
    expect(reply.view.getUint32(0, true)).toBe(16 + whole.length);
  });
});

describe('the kind of a file', () => {
  const lookup = request(OPCODE.LOOKUP, Buffer.from('x\0'));
  const getattr = (nodeid: bigint): Buffer => request(OPCODE.GETATTR, body(16), {nodeid});

  test.each([9n, 2n ** 40n + 9n, 2n ** 63n + 9n])('of node %d stays', (nodeid) => {
    const judge = new Judge();
    expect(judge.exchange(lookup, written(entry(FILE, nodeid)))).toBe('sound');
    expect(judge.exchange(lookup, written(entry(DIRECTORY, nodeid)))).toBe('node-type');
    expect(judge.exchange(getattr(nodeid), written(attributes(DIRECTORY)))).toBe('node-type');
    expect(judge.exchange(getattr(nodeid), written(attributes(FILE)))).toBe('sound');
  });

  test('may be another one once the kernel has forgotten the node', () => {
    const judge = new Judge();
    judge.exchange(lookup, written(entry(FILE)));
    judge.check.forget(9, 0);
    expect(judge.exchange(lookup, written(entry(DIRECTORY)))).toBe('sound');
  });

  test('of the root is what was told first', () => {
    const judge = new Judge();
    expect(judge.exchange(getattr(1n), written(attributes(DIRECTORY)))).toBe('sound');
    expect(judge.exchange(getattr(1n), written(attributes(FILE)))).toBe('node-type');
  });

  test('is remembered of so many nodes and no more', () => {
    const judge = new Judge();
    const before = process.memoryUsage().arrayBuffers;
    // Nodes as far from each other as they can be, in as many regions as there are.
    for (let n = 0n; n < 40_000n; n++) {
      const nodeid = (n << 48n) | (n * 65_537n * 256n) | 2n;
      judge.exchange(lookup, written(entry(FILE, BigInt.asUintN(64, nodeid))));
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(96 * 2 ** 20);
  });
});

describe('interruptions', () => {
  const none = Buffer.alloc(0);

  test('are answered when there was one', () => {
    const judge = new Judge();
    judge.ask(request(OPCODE.READ, body(40, [16, 1]))).interrupted = true;
    expect(judge.judge(written(none, {unique: 9n, error: -38})).is).toBe('interruption');
    expect(judge.judge(written(none, {unique: 9n, error: -38})).is).toBe('dropped: unknown-request');
  });

  test.each([
    ['success', written(none, {unique: 9n}), 'dropped: interrupt'],
    ['another error', written(none, {unique: 9n, error: -5}), 'dropped: interrupt'],
    ['a body', written(Buffer.alloc(8), {unique: 9n, error: -11}), 'dropped: interrupt'],
    ['of another request', written(none, {unique: 11n, error: -11}), 'dropped: unknown-request'],
  ])('%s means nothing', (_, answer, is) => {
    const judge = new Judge();
    judge.ask(request(OPCODE.READ)).interrupted = true;
    expect(judge.judge(answer).is).toBe(is);
  });

  test("that are answered after their request are nobody's, once each, and no fault", () => {
    const judge = new Judge();
    const asked = judge.ask(request(OPCODE.READ, body(40, [16, 1])));
    asked.interrupted = true;
    judge.outstanding.remove(asked);
    expect(judge.judge(written(none, {unique: 9n, error: -11})).is).toBe('dropped: undefined');
    expect(judge.judge(written(none, {unique: 9n, error: -11})).is).toBe('dropped: unknown-request');
  });

  test('that may come late are remembered up to a bound, the latest', () => {
    const outstanding = new Outstanding();
    for (let low = 2; low <= 4000; low += 2) {
      const asked = outstanding.take();
      Object.assign(asked, {uniqueLow: low, uniqueHigh: 0, interrupted: true});
      outstanding.add(asked);
      outstanding.remove(asked);
    }
    expect([2, 1950, 1954, 4000].map((low) => outstanding.takeLate(low + 1, 0))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  test('that never were are not answered', () => {
    const judge = new Judge();
    judge.ask(request(OPCODE.READ));
    expect(judge.judge(written(none, {unique: 9n, error: -11})).is).toBe('dropped: unknown-request');
  });
});
