import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {rmSync} from 'node:fs';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import type {OperationCounts} from '../../../src/fuse/counters.js';
import {errnoOf} from '../../../src/sys/errno.js';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {receivePacket, sendPacket, seqpacketPair, setSendBufferSize} from '../../../src/sys/socket.js';
import {bundle} from '../../support/bundle.mjs';
import {attributes} from './answers.rows.js';
import {body, request, written} from './support.js';

const [FORGET, GETATTR, OPEN, READ, FLUSH, INTERRUPT] = [2, 3, 14, 15, 25, 36];
/** Requests that the server may have at once. */
const MOST = 100;
const PATIENCE_MS = 10_000;
/** Long enough to be sure that nothing comes. */
const SILENCE_MS = 100;

interface Outcome {
  readonly ended: string;
  readonly operations: Readonly<Record<string, OperationCounts>>;
  readonly faults: Readonly<Record<string, number>>;
}

/** A relay with a socket for a kernel, which does all that a kernel never would. */
describe('a relay', () => {
  let program: string;
  let child: ChildProcess;
  let kernel: OwnedFd;
  let server: OwnedFd;
  let outcome: Promise<Outcome>;

  beforeAll(async () => {
    program = await bundle('test/unit/observe/relay-child.ts');
  });
  afterAll(() => rmSync(program));

  function start(withheld = 'nothing'): void {
    const [ours, its] = seqpacketPair();
    const [serverEnd, relayEnd] = seqpacketPair();
    for (const end of [ours, its, serverEnd, relayEnd]) setSendBufferSize(end.fd, 1 << 20);
    child = spawn(process.execPath, [program, withheld, String(MOST)], {
      stdio: ['ignore', 'pipe', 'ignore', its.fd, relayEnd.fd],
    });
    its.close();
    relayEnd.close();
    kernel = ours;
    server = serverEnd;
    let text = '';
    child.stdout!.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    outcome = once(child, 'close').then(() => JSON.parse(text) as Outcome);
  }
  beforeEach((context) => {
    if (!context.task.name.includes('open')) start();
  });
  afterEach(async () => {
    kernel.close();
    server.close();
    child.kill('SIGKILL');
    await outcome.catch(() => undefined);
  });

  function next(end: OwnedFd, timeoutMs = PATIENCE_MS): Buffer | undefined {
    const buffer = new Uint8Array(1 << 18);
    try {
      return Buffer.from(buffer.subarray(0, receivePacket(end.fd, buffer, {timeoutMs}).length));
    } catch (error) {
      if (errnoOf(error) === ERRNO.ETIMEDOUT) return undefined;
      throw error;
    }
  }

  const getattr = (unique: bigint): Buffer => request(GETATTR, body(16), {unique});
  const answer = (unique: bigint): Buffer => written(attributes(0o100644), {unique});
  const error = (unique: bigint, errno: number): Buffer => written(Buffer.alloc(0), {unique, error: -errno});

  test('passes requests and answers as they are, in any order', async () => {
    sendPacket(kernel.fd, getattr(2n));
    sendPacket(kernel.fd, getattr(4n));
    expect([next(server), next(server)]).toEqual([getattr(2n), getattr(4n)]);
    sendPacket(server.fd, answer(4n));
    sendPacket(server.fd, error(2n, ERRNO.ENOENT));
    expect([next(kernel), next(kernel)]).toEqual([answer(4n), error(2n, ERRNO.ENOENT)]);
    server.close();
    const {ended, operations, faults} = await outcome;
    expect([ended, faults]).toEqual(['server-gone', {}]);
    expect(operations['GETATTR']).toMatchObject({
      count: 2,
      errorsByErrno: {ENOENT: 1},
      bytesIn: 2 * 56,
      bytesOut: 16 + 120,
    });
  });

  test('takes packets of 128 KiB both ways', () => {
    const read = request(READ, body(40, [16, 131_072]), {unique: 2n});
    const data = written(Buffer.alloc(131_072, 'd'), {unique: 2n});
    const write = request(16, Buffer.concat([body(40, [16, 131_072]), Buffer.alloc(131_072, 'w')]), {
      unique: 4n,
    });
    sendPacket(kernel.fd, read);
    expect(next(server)).toEqual(read);
    sendPacket(server.fd, data);
    expect(next(kernel)?.equals(data)).toBe(true);
    sendPacket(kernel.fd, write);
    expect(next(server)?.equals(write)).toBe(true);
  });

  test('answers what is not sound with EIO, and goes on', async () => {
    sendPacket(kernel.fd, getattr(2n));
    next(server);
    sendPacket(server.fd, written(attributes(0o644), {unique: 2n}));
    expect(next(kernel)).toEqual(error(2n, ERRNO.EIO));
    sendPacket(server.fd, answer(2n));
    sendPacket(kernel.fd, getattr(4n));
    expect(next(server)).toEqual(getattr(4n));
    sendPacket(server.fd, answer(4n));
    expect(next(kernel)).toEqual(answer(4n));
    server.close();
    expect((await outcome).faults).toEqual({mode: 1, 'unknown-request': 1});
  });

  test('answers for itself what it does not know', () => {
    sendPacket(kernel.fd, request(48, body(64), {unique: 2n}));
    expect(next(kernel)).toEqual(error(2n, ERRNO.ENOSYS));
    expect(next(server, SILENCE_MS)).toBeUndefined();
  });

  test('passes an interruption of what the server has, and no other', () => {
    const interruption = (unique: bigint): Buffer =>
      request(INTERRUPT, body(8, [0, unique, 64]), {unique: unique | 1n});
    sendPacket(kernel.fd, getattr(2n));
    expect(next(server)).toEqual(getattr(2n));
    sendPacket(kernel.fd, interruption(4n));
    sendPacket(kernel.fd, interruption(2n));
    expect(next(server)).toEqual(interruption(2n));
    sendPacket(server.fd, error(3n, ERRNO.EAGAIN));
    expect(next(kernel)).toEqual(error(3n, ERRNO.EAGAIN));
  });

  test('lets requests wait with the kernel while the server reads nothing, and loses none', () => {
    const write = (unique: bigint): Buffer =>
      request(16, Buffer.concat([body(40, [16, 131_072]), Buffer.alloc(131_072)]), {unique});
    sendPacket(kernel.fd, getattr(1000n));
    expect(next(server)).toEqual(getattr(1000n));
    let sent = 0n;
    try {
      for (; sent < 64n; sent++) sendPacket(kernel.fd, write(2n + 2n * sent), [], {timeoutMs: 300});
    } catch (thrown) {
      expect(errnoOf(thrown)).toBe(ERRNO.ETIMEDOUT);
    }
    expect(sent).toBeGreaterThan(4n);
    expect(sent).toBeLessThan(64n);
    // Answers are taken all the while.
    sendPacket(server.fd, written(body(8, [0, 1]), {unique: 2n}));
    expect(next(kernel)).toEqual(written(body(8, [0, 1]), {unique: 2n}));
    for (let got = 0n; got < sent; got++) expect(next(server)?.readBigUInt64LE(8)).toBe(2n + 2n * got);
  });

  test('reads no more than it can remember', () => {
    let read = 0;
    for (let sent = 0; sent < MOST + 8; sent++) {
      sendPacket(kernel.fd, request(FLUSH, Buffer.alloc(0), {unique: BigInt(2 + 2 * sent)}));
      if (next(server, sent < MOST ? PATIENCE_MS : SILENCE_MS) !== undefined) read++;
    }
    expect(read).toBe(MOST);
    sendPacket(server.fd, written(Buffer.alloc(0), {unique: 2n}));
    expect(next(server)?.readBigUInt64LE(8)).toBe(BigInt(2 + 2 * MOST));
  });

  test('ends with the kernel', async () => {
    kernel.close();
    expect((await outcome).ended).toBe('unmounted');
  });

  test('ends with a server that only stops to write', async () => {
    sendPacket(kernel.fd, getattr(2n));
    next(server);
    sendPacket(server.fd, answer(2n));
    server.close();
    expect(next(kernel)).toEqual(answer(2n));
    expect((await outcome).ended).toBe('server-gone');
  });

  test('lets those go who wait when the server is gone', () => {
    sendPacket(kernel.fd, getattr(2n));
    sendPacket(kernel.fd, request(FORGET, body(8), {unique: 4n}));
    next(server);
    next(server);
    server.close();
    expect(next(kernel)).toEqual(error(2n, ERRNO.EIO));
  });

  const opened = request(OPEN, body(8), {unique: 2n});
  test('has a server that opens nothing asked again where the kernel can not go without: open', () => {
    start('withhold-no-open');
    sendPacket(kernel.fd, opened);
    next(server);
    sendPacket(server.fd, error(2n, ERRNO.ENOSYS));
    // No handle, and pages may be kept.
    expect(next(kernel)).toEqual(written(body(16, [8, 2]), {unique: 2n}));
  });
  test('tells the kernel else that it opens nothing: open', () => {
    start();
    sendPacket(kernel.fd, opened);
    next(server);
    sendPacket(server.fd, error(2n, ERRNO.ENOSYS));
    expect(next(kernel)).toEqual(error(2n, ERRNO.ENOSYS));
  });
});
