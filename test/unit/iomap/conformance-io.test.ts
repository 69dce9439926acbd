import {describe, expect, test} from 'vitest';
import {FATTR_SIZE, modifies} from '../../../src/fuse/index.js';
import {IOEND, MAPPING, OP} from '../../../src/iomap/index.js';
import {viewOf} from '../../../src/wire/index.js';
import {ExtentFs} from '../../support/extent-fs.js';
import {request} from '../fuse/support.js';
import {beginRequest, type IoendOptions, IomapHarness, ioendRequest, MIB, PlainDriver} from './support.js';

const BLOCK = 4096;
const EIO = 5;
const EINVAL = 22;
const EFBIG = 27;
const EROFS = 30;
const ENOSYS = 38;

/** A file system with one file. */
function writable(size = 0): {fs: ExtentFs; iomap: IomapHarness; ino: number} {
  const fs = new ExtentFs(64 * MIB);
  const iomap = new IomapHarness(fs);
  return {fs, iomap, ino: fs.add('a', {size})};
}

/** The size in the answer to an IOEND, or the errno below 0. */
function ioend(iomap: IomapHarness, options: IoendOptions): number {
  const reply = iomap.harness.ask(ioendRequest(options));
  const view = viewOf(reply);
  return view.getInt32(4, true) || (reply.length === 16 ? 0 : Number(view.getBigUint64(16, true)));
}

interface EndOptions {
  ino: number;
  op?: number;
  offset: number;
  length: number;
  written: number;
  cookie?: number;
  attrIno?: number;
}

function end(
  iomap: IomapHarness,
  {ino, op = OP.WRITE, offset, length, written, cookie = 7, attrIno = ino}: EndOptions,
): number {
  const body = new Uint8Array(72);
  const view = viewOf(body);
  view.setUint32(0, op, true);
  view.setBigUint64(8, BigInt(attrIno), true);
  view.setBigUint64(16, BigInt(offset), true);
  view.setBigUint64(24, BigInt(length), true);
  view.setBigInt64(32, BigInt(written), true);
  view.setBigUint64(48, BigInt(length), true);
  view.setUint16(64, MAPPING.MAPPED, true);
  view.setUint32(68, cookie, true);
  return iomap.errnoOf(request('IOMAP_END', body, {nodeid: BigInt(ino)}));
}

/** Blocks of a file: `at+count`, with ? where they are unwritten. */
function blocks(fs: ExtentFs, ino: number): string[] {
  return fs.extentsOf(ino).map(({at, count, unwritten}) => `${at}+${count}${unwritten ? '?' : ''}`);
}

describe('IOEND', () => {
  test('rules 16 and 24: a write is unwritten until its I/O is complete, and then exactly its blocks are', () => {
    const {fs, iomap, ino} = writable();
    expect(iomap.begin(0, {ino, op: OP.WRITE, count: 8 * BLOCK}).read.type).toBe(MAPPING.UNWRITTEN);
    expect(blocks(fs, ino)).toEqual(['0+8?']);
    ioend(iomap, {ino, flags: IOEND.UNWRITTEN, offset: 2 * BLOCK, length: 3 * BLOCK});
    expect(blocks(fs, ino)).toEqual(['0+2?', '2+3', '5+3?']);
  });

  test('rule 24: the same conversion again changes nothing', () => {
    const {fs, iomap, ino} = writable();
    iomap.begin(0, {ino, op: OP.WRITE, count: 4 * BLOCK});
    const convert = () => ioend(iomap, {ino, flags: IOEND.UNWRITTEN, offset: 0, length: 2 * BLOCK});
    expect([convert(), convert()]).toEqual([0, 0]);
    expect(blocks(fs, ino)).toEqual(['0+2', '2+2?']);
  });

  test('rule 25: APPEND moves the size on disk, which never becomes smaller', () => {
    const {fs, iomap, ino} = writable(100);
    expect(ioend(iomap, {ino, flags: IOEND.APPEND, offset: 0, length: 5000})).toBe(5000);
    expect(ioend(iomap, {ino, flags: IOEND.APPEND, offset: 0, length: 200})).toBe(5000);
    expect(ioend(iomap, {ino, flags: IOEND.DIRECT, offset: 0, length: 9000})).toBe(5000);
    expect(fs.sizeOf(ino)).toBe(5000);
  });

  test('rule 25: a driver that does not let the size follow is found out', () => {
    const driver = Object.assign(new PlainDriver({readOnly: false}), {ioend: () => 4096});
    const iomap = new IomapHarness(driver);
    expect(ioend(iomap, {flags: IOEND.APPEND, offset: 0, length: 4096})).toBe(4096);
    expect(ioend(iomap, {flags: IOEND.APPEND, offset: 4096, length: 1})).toBe(-EIO);
    expect(iomap.harness.errors).toHaveLength(1);
  });

  test.each([-28, -5, -110])(
    'rule 26: an I/O that failed (%i) converts nothing, changes no size, and is answered so',
    (error) => {
      const {fs, iomap, ino} = writable(100);
      iomap.begin(0, {ino, op: OP.WRITE});
      const flags = IOEND.UNWRITTEN | IOEND.APPEND | IOEND.WRITEBACK;
      expect(ioend(iomap, {ino, flags, error, offset: 0, length: BLOCK})).toBe(error);
      expect([blocks(fs, ino), fs.sizeOf(ino)]).toEqual([['0+1?'], 100]);
      expect(iomap.server.counters).toMatchObject({ioends: 1, ioErrors: 1});
      expect(iomap.harness.errors).toEqual([]);
    },
  );

  test('rule 26: an error that is no errno is EIO, and one of undoing is told', () => {
    const {iomap, ino} = writable();
    expect(ioend(iomap, {ino, error: 7, offset: 0, length: 1})).toBe(-EIO);
    expect(ioend(iomap, {ino, error: -100_000, offset: 0, length: 1})).toBe(-EIO);
    const driver = Object.assign(new PlainDriver(), {
      ioend(): number {
        throw new Error('lost');
      },
    });
    const other = new IomapHarness(driver);
    expect(ioend(other, {error: -28, offset: 0, length: 1})).toBe(-28);
    expect(other.problems).toEqual(['a failed write could not be undone: Error: lost']);
  });

  test('rule 27: SWAPOFF lets go and succeeds', () => {
    const {iomap, ino} = writable(8192);
    expect(ioend(iomap, {ino, flags: IOEND.SWAPOFF, offset: 0, length: 0})).toBe(8192);
  });

  test('rule 28: the answer has 8 bytes or none, as the request was', () => {
    const {iomap, ino} = writable(8192);
    const size = (short: boolean) =>
      iomap.harness.ask(ioendRequest({ino, flags: IOEND.SWAPOFF, offset: 0, length: 0, short})).length - 16;
    expect([size(false), size(true)]).toEqual([8, 0]);
  });

  test('a driver without a word on I/O is not asked again', () => {
    expect(ioend(new IomapHarness(new PlainDriver()), {flags: 2, offset: 0, length: 1})).toBe(-ENOSYS);
  });

  test('a kernel that misbehaves gets an error', () => {
    const {iomap, ino} = writable();
    expect(ioend(iomap, {ino, flags: 1 << 7, offset: 0, length: 1})).toBe(-EINVAL);
    expect(ioend(iomap, {ino, offset: 2 ** 53 - 1, length: 2})).toBe(-EFBIG);
    expect(ioend(iomap, {ino, offset: 2 ** 60, length: 1})).toBe(-EFBIG);
    expect(iomap.errnoOf(request('IOMAP_IOEND', new Uint8Array(39)))).toBe(EINVAL);
    expect(iomap.errnoOf(request('IOMAP_IOEND', new Uint8Array(48)))).toBe(EIO);
    expect(blocks(iomap.server.driver as ExtentFs, ino)).toEqual([]);
  });
});

describe('END', () => {
  test('rule 29: what a short write did not need is free again, after the kernel forgot it', () => {
    const {fs, iomap, ino} = writable();
    const {free} = fs.owners;
    iomap.begin(0, {ino, op: OP.WRITE, count: 32 * BLOCK});
    expect(end(iomap, {ino, offset: 0, length: 32 * BLOCK, written: 5000})).toBe(0);
    expect(blocks(fs, ino)).toEqual(['0+2?']);
    expect(fs.owners.free).toBe(free - 2);
    expect(viewOf(iomap.notifications.at(-1)!).getInt32(4, true)).toBe(101);
  });

  test('rule 29: a write that failed leaves nothing, and what was there before stays', () => {
    const {fs, iomap, ino} = writable();
    fs.fallocate(ino, 0, 1, 0, 2 * BLOCK);
    iomap.begin(2 * BLOCK, {ino, op: OP.WRITE, count: 2 * BLOCK});
    expect(blocks(fs, ino)).toEqual(['0+2?', '2+2?']);
    expect(end(iomap, {ino, offset: 0, length: 4 * BLOCK, written: -28})).toBe(0);
    expect(blocks(fs, ino)).toEqual(['0+2?']);
  });

  test('a driver that needs none says so', () => {
    const iomap = new IomapHarness(new PlainDriver());
    expect(end(iomap, {ino: 5, offset: 0, length: BLOCK, written: 1})).toBe(ENOSYS);
  });

  test('ends that never come leave nothing behind in the server', () => {
    const driver = new PlainDriver({readOnly: false});
    const iomap = new IomapHarness(driver);
    for (let i = 0; i < 1000; i++) iomap.begin(i * BLOCK, {op: OP.WRITE});
    expect([iomap.harness.session.waiting, iomap.harness.session.held]).toEqual([0, 0]);
  });

  test('a kernel that misbehaves gets an error', () => {
    const {fs, iomap, ino} = writable();
    const sane = {ino, offset: 0, length: BLOCK, written: 0};
    expect(end(iomap, {...sane, length: 0})).toBe(EINVAL);
    expect(end(iomap, {...sane, written: BLOCK + 1})).toBe(EINVAL);
    expect(end(iomap, {...sane, cookie: 99})).toBe(EINVAL);
    expect(end(iomap, {...sane, op: 1 << 25})).toBe(EINVAL);
    expect(end(iomap, {...sane, attrIno: 3})).toBe(EIO);
    // Of something that never began: there is nothing to give back.
    expect(end(iomap, {...sane, offset: 2 ** 40})).toBe(0);
    expect(blocks(fs, ino)).toEqual([]);
  });
});

describe('a file system that writes', () => {
  test('rule 15: zeroing a hole allocates nothing, and neither do reads and reports', () => {
    const {fs, iomap, ino} = writable();
    for (const op of [0, OP.ZERO, OP.REPORT, OP.DIRECT]) iomap.begin(0, {ino, op, count: MIB});
    expect(blocks(fs, ino)).toEqual([]);
  });

  test('rule 19: writing back finds blocks even where a write left none', () => {
    const {fs, iomap, ino} = writable();
    expect(iomap.begin(BLOCK, {ino, op: OP.WRITEBACK}).read.type).toBe(MAPPING.UNWRITTEN);
    expect(blocks(fs, ino)).toEqual(['1+1?']);
  });

  test('a full device is ENOSPC for the writer, and nobody else', () => {
    const fs = new ExtentFs(8 * BLOCK);
    const iomap = new IomapHarness(fs, {devices: [{fd: 3, size: 8 * BLOCK}]});
    const ino = fs.add('a');
    expect(iomap.begin(0, {ino, op: OP.WRITE, count: MIB})).toMatchObject({
      errno: 0,
      read: {length: 7 * BLOCK},
    });
    expect(iomap.begin(7 * BLOCK, {ino, op: OP.WRITE}).errno).toBe(28);
    expect(iomap.begin(7 * BLOCK, {ino}).errno).toBe(0);
  });

  test('truncating and punching free blocks, and ask nothing of the kernel: it forgets by itself', () => {
    const {fs, iomap, ino} = writable();
    iomap.begin(0, {ino, op: OP.WRITE, count: 10 * BLOCK});
    ioend(iomap, {ino, flags: IOEND.UNWRITTEN | IOEND.APPEND, offset: 0, length: 10 * BLOCK});
    iomap.notifications.length = 0;
    const body = new Uint8Array(32);
    viewOf(body).setBigUint64(8, BigInt(2 * BLOCK), true);
    viewOf(body).setBigUint64(16, BigInt(BLOCK), true);
    viewOf(body).setUint32(24, 3, true);
    expect(iomap.errnoOf(request('FALLOCATE', body, {nodeid: BigInt(ino)}))).toBe(0);
    const setattr = new Uint8Array(88);
    viewOf(setattr).setUint32(0, FATTR_SIZE, true);
    viewOf(setattr).setBigUint64(16, BigInt(5 * BLOCK + 1), true);
    expect(iomap.errnoOf(request('SETATTR', setattr, {nodeid: BigInt(ino)}))).toBe(0);
    expect([blocks(fs, ino), iomap.notifications]).toEqual([['0+2', '3+3'], []]);
  });

  test('with OVERWRITE_ONLY what has no blocks is EAGAIN, and gets none', () => {
    const {fs, iomap, ino} = writable();
    expect(iomap.begin(0, {ino, op: OP.WRITE + OP.DIRECT + OP.OVERWRITE_ONLY}).errno).toBe(11);
    expect(blocks(fs, ino)).toEqual([]);
  });
});

describe('lifecycle', () => {
  test('rules 35 and 36: freeze, thaw and sync reach the file system', () => {
    const {fs, iomap} = writable();
    for (const name of ['FREEZE_FS', 'UNFREEZE_FS', 'SYNCFS'] as const) {
      expect(iomap.errnoOf(request(name, new Uint8Array(8), {nodeid: 1n}))).toBe(0);
    }
    expect(fs.events).toEqual(['freeze 0', 'thaw', 'syncfs']);
  });

  test('rule 37: after a shutdown nothing is mapped and nothing completes', () => {
    const {fs, iomap, ino} = writable();
    iomap.errnoOf(request('SHUTDOWN_FS', new Uint8Array(8)));
    expect(iomap.begin(0, {ino, op: OP.WRITE}).errno).toBe(EIO);
    expect(ioend(iomap, {ino, flags: IOEND.APPEND, offset: 0, length: 10})).toBe(-EIO);
    expect([blocks(fs, ino), fs.sizeOf(ino), fs.events]).toEqual([[], 0, ['shutdown']]);
  });

  test('rule 38: DESTROY comes last and once', () => {
    const {fs, iomap} = writable();
    expect(iomap.errnoOf(request('DESTROY'))).toBe(0);
    iomap.harness.session.end();
    expect(fs.events).toEqual(['destroy']);
  });

  test('rule 39: what belongs to writing back is answered while every other request waits', () => {
    const fs = Object.assign(new ExtentFs(64 * MIB), {statfs: () => new Promise<void>(() => {})});
    const iomap = new IomapHarness(fs);
    const ino = fs.add('a');
    iomap.harness.send(request('STATFS', new Uint8Array(0), {unique: 4n}));
    expect(iomap.begin(0, {ino, op: OP.WRITEBACK}).errno).toBe(0);
    expect(ioend(iomap, {ino, flags: IOEND.APPEND | IOEND.UNWRITTEN, offset: 0, length: BLOCK})).toBe(BLOCK);
  });

  test('what holds back changes holds back mappings for writes, and I/O that changes metadata', () => {
    const {iomap, ino} = writable();
    const changes = (bytes: Uint8Array): boolean => {
      const slot = iomap.harness.session.acquire()!;
      slot.request.set(bytes);
      slot.begin(bytes.length, () => {});
      const answer = modifies(slot);
      iomap.harness.session.release(slot);
      return answer;
    };
    const ops = [0, OP.REPORT, OP.DIRECT, OP.WRITE, OP.ZERO, OP.UNSHARE, OP.WRITEBACK];
    expect(ops.map((op) => changes(beginRequest(0, {ino, op})))).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(changes(ioendRequest({ino, offset: 0, length: 1}))).toBe(true);
  });

  test('a file system that only reads refuses I/O that would change it', () => {
    const driver = Object.assign(new PlainDriver({readOnly: true}), {ioend: () => 4096});
    const iomap = new IomapHarness(driver);
    expect(ioend(iomap, {flags: IOEND.UNWRITTEN, offset: 0, length: 1})).toBe(-EROFS);
    expect(ioend(iomap, {flags: IOEND.APPEND, offset: 0, length: 1})).toBe(-EROFS);
    expect(ioend(iomap, {flags: IOEND.SWAPOFF, offset: 0, length: 1})).toBe(4096);
  });

  test('counters tell what was asked for', () => {
    const {iomap, ino} = writable();
    const ops = [0, OP.DIRECT, OP.WRITE, OP.UNSHARE, OP.ZERO, OP.WRITEBACK, OP.REPORT, OP.SWAPFILE];
    for (const op of ops) iomap.begin(0, {ino, op});
    expect(iomap.server.counters).toMatchObject({
      ...{beginRead: 2, beginWrite: 2, beginZero: 1, beginWriteback: 1, beginReport: 2, errors: 0},
    });
  });
});
