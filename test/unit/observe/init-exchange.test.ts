import {describe, expect, test} from 'vitest';
import {body, changed, Judge, request, viewOf, written} from './support.js';

const INIT = 26;
const bit = (number: number): number => (2 ** (number % 32)) >>> 0;
/** SPLICE_WRITE, SPLICE_MOVE, SPLICE_READ, MAX_PAGES, MAP_ALIGNMENT, SUBMOUNTS. */
const WITHHELD_LOW = [7, 8, 9, 22, 26, 27];
/** HAS_INODE_DAX, PASSTHROUGH, HAS_RESEND, OVER_IO_URING, IOMAP, and what no kernel has today. */
const WITHHELD_HIGH = [33, 37, 39, 41, 43, 44, 63];
const ASYNC_READ = 0;
const INIT_EXT = 30;
const HAS_EXPIRE_ONLY = 35;

/** struct fuse_init_in with everything offered. */
const offer = request(INIT, body(64, [0, 7], [4, 45], [8, 131_072], [12, 0xffffffff], [16, 0xffffffff]));
/** struct fuse_init_out. */
const answer = body(
  64,
  ...([
    [0, 7],
    [4, 31],
    [8, 131_072],
    [12, bit(ASYNC_READ) + bit(INIT_EXT)],
    [20, 65_536],
    [24, 1],
    [32, bit(HAS_EXPIRE_ONLY)],
  ] as const),
);

function asked(): Judge {
  const judge = new Judge();
  const bytes = Buffer.from(offer);
  judge.check.offer(viewOf(bytes), bytes.length);
  judge.ask(bytes);
  return judge;
}

/** What the kernel is told. */
function told(reply: Buffer): {is: string; corrected: string[]; view: DataView} {
  const judge = asked();
  const {is, reply: passed} = judge.judge(written(reply));
  return {is, corrected: judge.corrected, view: new DataView(passed.view.buffer, 16)};
}

describe('what the kernel offers', () => {
  test('reaches the server without what needs the device itself', () => {
    const bytes = Buffer.from(offer);
    new Judge().check.offer(viewOf(bytes), bytes.length);
    const flags = bytes.readUInt32LE(52);
    const flags2 = bytes.readUInt32LE(56);
    for (const number of WITHHELD_LOW) expect(flags & bit(number), `bit ${number}`).toBe(0);
    for (const number of WITHHELD_HIGH) expect(flags2 & bit(number), `bit ${number}`).toBe(0);
    expect(flags & bit(ASYNC_READ)).not.toBe(0);
    expect(flags2 & bit(HAS_EXPIRE_ONLY)).not.toBe(0);
    // Nothing else is changed.
    expect(Buffer.from(bytes).fill(0, 52, 60)).toEqual(Buffer.from(offer).fill(0, 52, 60));
  });

  test('may be that of an older kernel', () => {
    const bytes = request(INIT, body(16, [0, 7], [4, 31], [12, 0xffffffff]));
    new Judge().check.offer(viewOf(bytes), bytes.length);
    expect(bytes.readUInt32LE(52) & bit(22)).toBe(0);
  });
});

describe('what the server makes of it', () => {
  test('passes as it is when it is sound', () => {
    const {is, corrected, view} = told(answer);
    expect(is).toBe('sound');
    expect(corrected).toEqual([]);
    expect(Buffer.from(view.buffer, 16, 64)).toEqual(answer);
  });

  test.each([
    ['another major version', changed(answer, [0, 8]), 'init-version'],
    ['a version of old layouts', changed(answer, [4, 8]), 'init-version'],
    ['times coarser than a second', changed(answer, [24, 1_000_000_001]), 'init-granularity'],
    ['8 bytes', answer.subarray(0, 8), 'size'],
    ['65 bytes', Buffer.concat([answer, Buffer.alloc(1)]), 'size'],
  ])('%s', (_, reply, fault) => expect(told(reply).is).toBe(fault));

  test.each([...WITHHELD_LOW, ...WITHHELD_HIGH])('bit %d is taken back', (number) => {
    const word = number < 32 ? 12 : 32;
    const was = answer.readUInt32LE(word);
    const {is, corrected, view} = told(changed(answer, [word, (was | bit(number)) >>> 0]));
    expect(is).toBe('sound');
    expect(corrected).toEqual(['init-flags']);
    expect(view.getUint32(word, true)).toBe(was);
  });

  test('the upper word is nothing without INIT_EXT', () => {
    const {view} = told(changed(answer, [12, bit(ASYNC_READ)]));
    expect(view.getUint32(32, true)).toBe(0);
  });

  test.each([
    [0, 4096],
    [65_536, 65_536],
    [1 << 20, 131_072],
    [0xffffffff, 131_072],
  ])('a max_write of %d is %d', (wanted, is) => {
    expect(told(changed(answer, [20, wanted])).view.getUint32(20, true)).toBe(is);
  });

  test('what belongs to features that it has not got is nothing', () => {
    const {view} = told(changed(answer, [28, 256, 16], [30, 12, 16], [36, 2], [40, 15, 16]));
    expect([view.getUint16(28, true), view.getUint16(30, true)]).toEqual([0, 0]);
    expect([view.getUint32(36, true), view.getUint16(40, true)]).toEqual([0, 0]);
  });

  test('may be that of an older library', () => {
    const {is, view} = told(changed(answer, [4, 19], [20, 1 << 20]).subarray(0, 24));
    expect(is).toBe('sound');
    expect(view.getUint32(20, true)).toBe(131_072);
  });
});
