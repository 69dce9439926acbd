import {mkdtempSync, openSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, describe, expect, test} from 'vitest';
import {Errno} from '../../../src/sys/errno.js';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import {OwnedFd} from '../../../src/sys/fd.js';
import {COMMAND_SIZE, CommandRing, FIXED_FILE} from '../../../src/sys/io-uring.js';
import {rawSystemCall} from '../../../src/sys/raw-system-call.js';
import {streamPair} from '../../../src/sys/socket.js';

/** IORING_OP_*. */
const NOP = 0;
const POLL_ADD = 6;
const OPENAT = 18;
const READ = 22;
const POLLIN = 1;
const AT_FDCWD = -100;

function missing(): string | undefined {
  try {
    new CommandRing({commands: 1, files: [1], operations: [NOP]}).close();
    return undefined;
  } catch (error) {
    if (error instanceof Errno) return String(error);
    throw error;
  }
}
const noRing = missing();

describe.skipIf(noRing)(`a ring${noRing === undefined ? '' : ` (skipped: ${noRing})`}`, () => {
  const open: Array<{close(): void}> = [];
  afterEach(() => {
    for (const each of open.splice(0)) each.close();
  });

  function ringFor(files: readonly number[], operations: readonly number[]): CommandRing {
    const ring = new CommandRing({commands: 4, files, operations});
    open.push(ring);
    return ring;
  }
  function pair(): [OwnedFd, OwnedFd] {
    const ends = streamPair();
    open.push(...ends);
    return ends;
  }
  /** Puts a command at a place, by what is in its fields. */
  function put(
    ring: CommandRing,
    place: number,
    operation: number,
    fields: {flags?: number; fd?: number; len?: number; events?: number},
  ): void {
    const {commands} = ring;
    const at = place * COMMAND_SIZE;
    commands.setUint8(at, operation);
    commands.setUint8(at + 1, fields.flags ?? FIXED_FILE);
    commands.setInt32(at + 4, fields.fd ?? 0, true);
    commands.setUint32(at + 24, fields.len ?? 0, true);
    commands.setUint32(at + 28, fields.events ?? 0, true);
    commands.setUint32(at + 32, place, true);
    ring.put(place);
  }
  function completed(ring: CommandRing): Array<{tag: number; result: number}> {
    const all = [];
    while (ring.next()) all.push({tag: ring.tag, result: ring.result});
    return all;
  }

  test('completes a command of the kinds that it was made for, on the files that it was made for', () => {
    const [ours, theirs] = pair();
    const ring = ringFor([ours.fd], [POLL_ADD]);
    put(ring, 2, POLL_ADD, {events: POLLIN});
    ring.enter(0);
    expect(completed(ring)).toEqual([]);
    writeSync(theirs.fd, 'x');
    expect(ring.enter(1)).toBe(true);
    expect(completed(ring)).toEqual([{tag: 2, result: POLLIN}]);
    expect(ring.more).toBe(false);
  });

  test('goes round its queues many times', () => {
    const ring = ringFor([1], [NOP]);
    for (let round = 0; round < 100; round++) {
      // NOP does not look at its file, but the ring wants to be told one.
      for (let place = 0; place < 4; place++) put(ring, place, NOP, {});
      ring.enter(1);
      expect(completed(ring).map(({tag}) => tag)).toEqual([0, 1, 2, 3]);
    }
  });

  test('opens no file, and reads none: io_uring goes past seccomp, so the ring itself refuses', () => {
    const dir = mkdtempSync(join(tmpdir(), 'fuseward-ring-'));
    const path = join(dir, 'secret');
    writeFileSync(path, 'secret');
    const [ours] = pair();
    const ring = ringFor([ours.fd], [POLL_ADD]);
    const file = openSync(path, 'r');
    open.push(new OwnedFd(file), {close: () => rmSync(dir, {recursive: true})});
    for (const [operation, fields] of [
      [OPENAT, {fd: AT_FDCWD, flags: 0}],
      [OPENAT, {fd: AT_FDCWD}],
      [READ, {fd: file, flags: 0, len: 6}],
      [READ, {len: 6}],
      [NOP, {flags: 0}],
    ] as const) {
      put(ring, 0, operation, fields);
      ring.enter(1);
      expect(completed(ring), `operation ${operation}`).toEqual([{tag: 0, result: -ERRNO.EACCES}]);
    }
  });

  test('takes no command of an allowed kind on a descriptor that is not one of its files', () => {
    const [ours, theirs] = pair();
    const ring = ringFor([ours.fd], [POLL_ADD]);
    put(ring, 0, POLL_ADD, {fd: theirs.fd, flags: 0, events: POLLIN});
    put(ring, 1, POLL_ADD, {fd: 1, events: POLLIN});
    ring.enter(1);
    expect(completed(ring)).toEqual([
      {tag: 0, result: -ERRNO.EACCES},
      {tag: 1, result: -ERRNO.EBADF},
    ]);
  });

  test('nothing about it can be changed afterwards', () => {
    const [ours] = pair();
    const ring = ringFor([ours.fd], [POLL_ADD]);
    const restrictions = new Uint8Array(16);
    // Files again, other restrictions, switching on again, a personality, buffers.
    for (const operation of [2, 3, 6, 9, 11, 12, 13, 15, 20]) {
      const answer = rawSystemCall('io_uring_register', ring.fd, operation, restrictions, 1);
      expect(answer?.result, `operation ${operation}`).toBe(-1);
      expect([ERRNO.EACCES, ERRNO.EBADFD], `operation ${operation}`).toContain(answer?.errno);
    }
  });

  test('a descriptor that is not open is refused when it is made', () => {
    expect(() => new CommandRing({commands: 1, files: [9999], operations: [POLL_ADD]})).toThrow(
      /EBADF|bad file/,
    );
    expect(() => new CommandRing({commands: 0, files: [], operations: [POLL_ADD]})).toThrow(/EINVAL|invalid/);
  });
});
