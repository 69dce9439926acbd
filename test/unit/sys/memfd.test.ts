import assert from 'node:assert/strict';
import {readFileSync, readSync, writeSync} from 'node:fs';
import {Worker} from 'node:worker_threads';
import {afterEach, beforeEach, test} from 'vitest';
import {isCloseOnExec, O_RDONLY, type OwnedFd, openFd, statFd} from '../../../src/sys/fd.js';
import {
  addSeals,
  createMemfd,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  mapShared,
  sealMapping,
  sealsOf,
} from '../../../src/sys/memfd.js';
import {addressOf, rawSystemCall} from '../../../src/sys/raw-system-call.js';
import {bundled} from './bundle.js';

let opened: OwnedFd[];
beforeEach(() => {
  opened = [];
});
afterEach(() => {
  for (const fd of opened) fd.close();
});

function memfd(...args: Parameters<typeof createMemfd>): OwnedFd {
  const fd = createMemfd(...args);
  opened.push(fd);
  return fd;
}

test('a memfd has the bytes and is close-on-exec', () => {
  const content = new TextEncoder().encode('some bytes').subarray(2);
  const fd = memfd('test', content);
  assert.equal(statFd(fd.fd).size, BigInt(content.length));
  assert.ok(isCloseOnExec(fd.fd));
  const read = Buffer.alloc(64);
  assert.equal(read.subarray(0, readSync(fd.fd, read, 0, 64, 0)).toString(), 'me bytes');
  assert.equal(sealsOf(fd.fd), 0);
});

test('a sealed memfd can not be written, grown, shrunk or unsealed', () => {
  const fd = memfd('test', new Uint8Array(100).fill(7), {seal: true});
  assert.equal(sealsOf(fd.fd), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  assert.throws(() => writeSync(fd.fd, 'x', 0), {code: 'EPERM'});
  assert.throws(() => addSeals(fd.fd, F_SEAL_GROW), {code: 'EPERM', call: 'fcntl(F_ADD_SEALS)'});
  assert.throws(() => mapShared(fd.fd, 100), {code: 'EPERM', call: 'mmap'});
  assert.deepEqual(readFileSync(`/proc/self/fd/${fd.fd}`), Buffer.alloc(100, 7));
});

test('two mappings share memory with each other and with the file', () => {
  const fd = memfd('test', new Uint8Array([1, 2, 3]), {size: 8192, sealSize: true});
  const first = new Uint8Array(mapShared(fd.fd, 8192));
  const second = new Uint8Array(mapShared(fd.fd, 8192, {sealedSize: true}));
  assert.deepEqual([...second.subarray(0, 4)], [1, 2, 3, 0]);
  first[8191] = 42;
  assert.equal(second[8191], 42);
  writeSync(fd.fd, new Uint8Array([9]), 0, 1, 5);
  assert.equal(first[5], 9);
  const read = new Uint8Array(1);
  readSync(fd.fd, read, 0, 1, 8191);
  assert.equal(read[0], 42);
});

test('a mapping outlives its descriptor and any number of collections', () => {
  const fd = createMemfd('test', undefined, {size: 4096});
  const numbers = new Uint32Array(mapShared(fd.fd, 4096));
  const other = new Uint32Array(mapShared(fd.fd, 4096));
  fd.close();
  for (let i = 0; i < 2000; i++) new ArrayBuffer(1 << 16);
  numbers[3] = 0xdeadbeef;
  assert.equal(other[3], 0xdeadbeef);
});

test('a worker thread that maps the same descriptor counts on the same memory', async () => {
  const fd = memfd('counters', undefined, {size: 4096, sealSize: true});
  const counters = new BigInt64Array(mapShared(fd.fd, 4096));
  const script = await bundled('counting-worker.ts');
  const rounds = 20_000;
  const worker = new Worker(script, {workerData: {fd: fd.fd, rounds}});
  const ended = new Promise<number>((resolve, reject) => {
    worker.once('exit', resolve);
    worker.once('error', reject);
  });
  // Atomic additions from both sides must all arrive.
  for (let i = 0; i < rounds; i++) Atomics.add(counters, 1, 1n);
  assert.equal(await ended, 0);
  assert.equal(Atomics.load(counters, 1), BigInt(2 * rounds));
  assert.equal(Atomics.load(counters, 0), -1n, 'negative values cross whole');
});

test('what can not be mapped safely is refused', () => {
  const fd = memfd('test', undefined, {size: 4096});
  assert.throws(() => mapShared(fd.fd, 4097), {code: 'EINVAL'});
  assert.throws(() => mapShared(fd.fd, 0), {code: 'EINVAL'});
  assert.throws(() => mapShared(fd.fd, Number.NaN), {code: 'EINVAL'});
  assert.throws(() => mapShared(fd.fd, 4096, {sealedSize: true}), {code: 'EPERM'});
  assert.throws(() => mapShared(9999, 4096), {code: 'EBADF'});
  const file = openFd('/proc/self/exe', O_RDONLY);
  opened.push(file);
  assert.throws(() => mapShared(file.fd, 4096), {code: 'EACCES', call: 'mmap'});
});

// Linux 6.10 is the first that can do it; earlier ones say so.
const probe = addressOf(new Uint8Array(mapShared(createMemfd('test', undefined, {size: 4096}).fd, 4096)));
const canSeal = sealMapping(Number(probe), 4096);

test.skipIf(!canSeal)('a sealed mapping keeps its protection (skipped without mseal)', () => {
  const memory = mapShared(memfd('test', undefined, {size: 4096}).fd, 4096, {sealMapping: true});
  const bytes = new Uint8Array(memory);
  bytes[0] = 1;
  const address = addressOf(bytes);
  const EPERM = 1;
  assert.deepEqual(rawSystemCall('mprotect', address, 4096, 5), {result: -1, errno: EPERM});
  assert.deepEqual(rawSystemCall('munmap', address, 4096), {result: -1, errno: EPERM});
  assert.equal(bytes[0], 1);
});

test('names: too long, or with a NUL', () => {
  assert.throws(() => createMemfd('n'.repeat(250)), {code: 'EINVAL', call: 'memfd_create'});
  assert.throws(() => createMemfd('a\0b'), {code: 'EINVAL'});
});
