import {mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, onTestFinished, test} from 'vitest';
import {O_RDWR, openFd} from '../../../src/sys/fd.js';
import {ExtentFs} from '../../support/extent-fs.js';
import {exactly} from '../../support/kernel-sim/connection.js';
import {sessionServer} from '../../support/kernel-sim/host/session-server.js';
import {SimKernel} from '../../support/kernel-sim/kernel.js';
import {DirectLink} from '../../support/kernel-sim/link.js';
import {type OddGround, oddRequest} from '../../support/kernel-sim/misbehaviour.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {OP} from '../../support/kernel-sim/opcodes.js';
import {OpenFile} from '../../support/kernel-sim/open-file.js';
import {ServerProcess} from '../../support/kernel-sim/server-process.js';
import {FALLOC, fallocate} from '../../support/kernel-sim/space.js';
import {ATTR_OUT_SIZE, beginIn, getattrIn} from '../../support/kernel-sim/structs.js';
import {Random} from '../../support/random.js';

/** Kernels that ask what none should ask: every request has one answer, the server lives on, and keeps serving sound ones. */

const DEVICE = 1 << 20;
const FILES = ['a', 'b', 'c'];

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fuseward-misbehaviour-'));
  path = join(folder, 'device');
  writeFileSync(path, '');
  truncateSync(path, DEVICE);
});
afterAll(() => rmSync(folder, {recursive: true}));

/** What may be complained of: requests that are none, and failed writes of inodes that there never were. */
const EXPECTED = /can't understand the request|a failed write could not be undone/;

/** Sends odd requests, some of them before the one before was answered, and counts answers. */
function misbehave(kernel: SimKernel, ground: OddGround, random: Random, count: number): void {
  const {connection} = kernel;
  const open: bigint[] = [];
  const collect = (): void => {
    const {errno, body} = connection.collect(open.shift()!);
    if (errno !== 0 && body.length > 0) throw new Error('an error with a body');
  };
  for (let i = 0; i < count; i++) {
    const {opcode, nodeid, body} = oddRequest(random, ground);
    const unique = connection.submit(opcode, nodeid, body);
    if (connection.waiting > 0 && opcode !== OP.FORGET && opcode !== OP.BATCH_FORGET) open.push(unique);
    while (open.length > random.below(8)) collect();
  }
  while (open.length > 0) collect();
}

/** A sound request after all that. */
function alive(kernel: SimKernel): void {
  kernel.ask(OP.GETATTR, 1n, getattrIn.encode({}), exactly(ATTR_OUT_SIZE));
}

function groundOf(kernel: SimKernel): OddGround {
  const files = FILES.map((name) => resolve(kernel, name));
  return {nodes: [{nodeid: 1n, attrIno: 1n}, ...files]};
}

test.each([1, 2, 3, 4])('2000 odd requests of seed %i', (seed) => {
  const device = openFd(path, O_RDWR);
  onTestFinished(() => device.close());
  const fs = new ExtentFs(DEVICE);
  for (const name of FILES) fs.add(name, {size: 40_000});
  const {serve, problems} = sessionServer(fs, [{fd: device.fd, size: DEVICE}]);
  const kernel = new SimKernel(new DirectLink(serve), {fileDevices: true});
  onTestFinished(() => kernel.close());
  kernel.mount();
  misbehave(kernel, groundOf(kernel), new Random(seed), 2000);
  alive(kernel);
  expect(kernel.connection.waiting).toBe(0);
  // Each reply is one that was asked for, once, of a sound header; mappings pushed meanwhile are sound.
  expect(kernel.faults.lines()).toEqual([]);
  expect(problems.filter((line) => !EXPECTED.test(line))).toEqual([]);
});

test('BEGIN before CONFIG, CONFIG twice, a second INIT', () => {
  const device = openFd(path, O_RDWR);
  onTestFinished(() => device.close());
  const fs = new ExtentFs(DEVICE);
  fs.add('a', {size: 4096});
  const {serve} = sessionServer(fs, [{fd: device.fd, size: DEVICE}]);
  const kernel = new SimKernel(new DirectLink(serve), {fileDevices: true});
  onTestFinished(() => kernel.close());
  const errnoOf = (opcode: number, body: Uint8Array): number =>
    kernel.connection.collect(kernel.connection.submit(opcode, 11n, body)).errno;
  const begin = beginIn.encode({attrIno: 11n, pos: 0n, count: 4096n});
  expect(errnoOf(OP.IOMAP_BEGIN, begin)).toBeGreaterThan(0);
  kernel.start();
  expect(errnoOf(OP.IOMAP_BEGIN, begin)).toBe(0);
  expect(errnoOf(OP.IOMAP_CONFIG, new Uint8Array(64))).toBe(0);
  // The devices were registered once.
  expect(kernel.devices.all()).toHaveLength(1);
  expect(errnoOf(OP.INIT, new Uint8Array(64))).toBeGreaterThan(0);
  expect(errnoOf(OP.IOMAP_BEGIN, begin)).toBe(0);
});

test('inodes that are gone, directories, and ends of what never began', () => {
  const device = openFd(path, O_RDWR);
  onTestFinished(() => device.close());
  const fs = new ExtentFs(DEVICE);
  fs.add('a', {size: 4096});
  const {serve, problems} = sessionServer(fs, [{fd: device.fd, size: DEVICE}]);
  const kernel = new SimKernel(new DirectLink(serve), {fileDevices: true});
  onTestFinished(() => kernel.close());
  kernel.mount();
  const begin = (nodeid: bigint): number => {
    const body = beginIn.encode({attrIno: nodeid, pos: 0n, count: 4096n});
    return kernel.connection.collect(kernel.connection.submit(OP.IOMAP_BEGIN, nodeid, body)).errno;
  };
  expect([1n, 2n, 12n, 1n << 40n].map(begin).every((errno) => errno > 0)).toBe(true);
  expect(begin(11n)).toBe(0);
  expect(problems).toEqual([]);
});

test('a server in a process of its own stays small and answers the flood of four seeds', async () => {
  const server = await ServerProcess.start();
  try {
    const device = openFd(path, O_RDWR);
    onTestFinished(() => device.close());
    const memory: number[] = [];
    for (let seed = 10; seed < 14; seed++) {
      const job = {
        type: 'extents',
        cacheBytes: 0,
        options: FILES.map((name) => [name, ''] as [string, string]),
      };
      const kernel = new SimKernel(server.serve(job, [device.fd]), {fileDevices: true});
      try {
        kernel.mount();
        misbehave(kernel, groundOf(kernel), new Random(seed), 1500);
        alive(kernel);
        const inode = resolve(kernel, 'a');
        // All the space may be taken by what was allocated.
        fallocate(kernel, inode, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, 0, 2 ** 50);
        const file = OpenFile.open(kernel, inode);
        file.write(Buffer.from('still there'), 0);
        file.fsync();
        expect(kernel.faults.lines()).toEqual([]);
        kernel.unmount();
      } finally {
        kernel.close();
      }
      expect(server.done().ended).toBe('unmounted');
      memory.push(server.memory().now);
    }
    expect(Math.max(...memory)).toBeLessThan(160 << 20);
  } finally {
    await server.stop();
  }
});
