import {describe, expect, test} from 'vitest';
import {FUSE_ATTR_EXCLUSIVE, FUSE_ATTR_IOMAP} from '../../../src/fuse/index.js';
import {OP} from '../../../src/iomap/index.js';
import {viewOf} from '../../../src/wire/index.js';
import {ExtentFs} from '../../support/extent-fs.js';
import {INIT_BODY, request, rows, text} from '../fuse/support.js';
import {CONFIG_V7, INIT_V7, IomapHarness, MIB, PlainDriver} from './support.js';

const EIO = 5;
const EOPNOTSUPP = 95;
const CONFIG = request('IOMAP_CONFIG', CONFIG_V7, {nodeid: 0n});

/** fuse_attr.flags in the answer to a getattr. */
function attrFlags(iomap: IomapHarness, ino: number): number {
  const reply = iomap.harness.ask(request('GETATTR', new Uint8Array(16), {nodeid: BigInt(ino)}));
  return viewOf(reply).getUint32(16 + 16 + 84, true);
}

describe('start', () => {
  test('rule 1: a kernel that does not offer it gets an ordinary connection', () => {
    const iomap = new IomapHarness(new ExtentFs(MIB), {init: INIT_BODY});
    expect(iomap.harness.session.connection?.minor).toBe(45);
    expect(iomap.harness.session.connection?.flags.has('IOMAP')).toBe(false);
    expect(iomap.errnoOf(CONFIG)).toBe(EOPNOTSUPP);
    expect(iomap.control.calls).toEqual([]);
    const {driver} = iomap.server;
    expect((driver as ExtentFs).kernel).toBeUndefined();
    expect(attrFlags(iomap, (driver as ExtentFs).add('a'))).toBe(0);
  });

  test('rule 2: the offer is taken with flags2 valid and minor 99', () => {
    const {connection} = new IomapHarness(new PlainDriver()).harness.session;
    expect(connection?.flags.has('IOMAP')).toBe(true);
    expect(connection?.flags.has('INIT_EXT')).toBe(true);
    expect(connection?.minor).toBe(99);
  });

  test('rule 4: the configuration is answered while other requests wait', () => {
    const fs = Object.assign(new PlainDriver(), {statfs: () => new Promise<void>(() => {})});
    const iomap = new IomapHarness(fs, {config: null});
    iomap.harness.send(request('STATFS', new Uint8Array(0), {unique: 4n}));
    expect(iomap.errnoOf(CONFIG)).toBe(0);
    expect(iomap.begin(0).errno).toBe(0);
  });

  test('rule 5: each device is registered, then gets its block size, before the answer', () => {
    const devices = [30, 31].map((fd) => ({fd, size: MIB}));
    const iomap = new IomapHarness(new PlainDriver(), {config: null, devices});
    let callsAtAnswer = 0;
    const slot = iomap.harness.session.acquire()!;
    slot.request.set(CONFIG);
    iomap.harness.session.handle(slot, CONFIG.length, () => {
      callsAtAnswer = iomap.control.calls.length;
    });
    expect(iomap.control.calls).toEqual([
      'nofs',
      'register 30',
      'blocksize 7 4096',
      'register 31',
      'blocksize 8 4096',
    ]);
    expect(callsAtAnswer).toBe(5);
  });

  test('rule 5: a kernel that sets no block size is not left for it; the owner is told', () => {
    const iomap = new IomapHarness(new PlainDriver(), {config: null});
    iomap.control.refuses.set('blocksize', 'EINVAL');
    expect(iomap.errnoOf(CONFIG)).toBe(0);
    expect(iomap.begin(0).errno).toBe(0);
    expect(iomap.problems).toHaveLength(1);
  });

  test.each(['EPERM', 'ENODEV', 'EBADF'] as const)(
    'rule 6: when a device is not registered (%s) no file is an iomap file, and no cookie is ever used',
    (errno) => {
      const fs = new ExtentFs(MIB);
      const iomap = new IomapHarness(fs, {config: null});
      iomap.control.refuses.set('register', errno);
      expect(iomap.errnoOf(CONFIG)).toBe(0);
      expect(iomap.problems).toHaveLength(1);
      const ino = fs.add('a', {size: 4096});
      expect(attrFlags(iomap, ino)).toBe(0);
      expect(iomap.begin(0, {ino}).errno).toBe(EIO);
      expect(iomap.notifications).toEqual([]);
    },
  );

  test('rule 6: one device of two is as good as none', () => {
    const iomap = new IomapHarness(new PlainDriver(), {
      config: null,
      devices: [30, -1].map((fd) => ({fd, size: MIB})),
    });
    const {registerDevice} = iomap.control;
    iomap.control.registerDevice = (fd) => {
      if (fd < 0) iomap.control.refuses.set('register', 'EBADF');
      return registerDevice.call(iomap.control, fd);
    };
    expect(iomap.errnoOf(CONFIG)).toBe(0);
    expect(iomap.server.attrFlags).toBe(0);
    expect(iomap.server.devices.sizeOf(1)).toBeUndefined();
  });

  test('a configuration that comes again registers nothing again', () => {
    const iomap = new IomapHarness(new PlainDriver());
    const {length} = iomap.control.calls;
    expect(iomap.errnoOf(CONFIG)).toBe(0);
    expect(iomap.control.calls).toHaveLength(length);
  });

  test('a kernel that takes no block size gets no mappings', () => {
    const config = CONFIG_V7.slice();
    config[0] = 0x3b;
    const iomap = new IomapHarness(new PlainDriver(), {config});
    expect([iomap.server.attrFlags, iomap.control.calls]).toEqual([0, ['nofs']]);
  });

  test.each([
    {blockSize: 0},
    {blockSize: 4095},
    {blockSize: 1 << 17},
    {maxBytes: 0},
    {maxBytes: 2 ** 60},
    {uuid: new Uint8Array(17)},
    {kernelCacheBytes: -1},
    {times: {granularityNs: 0, min: 0, max: 1}},
    {times: {granularityNs: 1, min: 2, max: 1}},
  ])('a file system that no kernel would take is refused at once: %j', (volume) => {
    expect(() => new IomapHarness(new PlainDriver(volume))).toThrow(RangeError);
  });

  test('rule 40: the thread is kept from waiting for writing back, and goes on where that is refused', () => {
    const iomap = new IomapHarness(new PlainDriver(), {config: null});
    iomap.control.refuses.set('nofs', 'ENOTTY');
    expect(iomap.errnoOf(CONFIG)).toBe(0);
    expect(iomap.server.attrFlags).not.toBe(0);
    expect(iomap.problems).toEqual([]);
  });
});

describe('files', () => {
  test('rule 8: IOMAP comes with EXCLUSIVE, in every answer about the inode', () => {
    const fs = new ExtentFs(MIB);
    const iomap = new IomapHarness(fs);
    const ino = fs.add('a');
    expect(attrFlags(iomap, ino)).toBe(FUSE_ATTR_EXCLUSIVE | FUSE_ATTR_IOMAP);
    const looked = iomap.harness.ask(request('LOOKUP', text('a\0'), {nodeid: 1n}));
    expect(viewOf(looked).getUint32(16 + 40 + 84, true)).toBe(0x0c);
    expect(attrFlags(iomap, ino)).toBe(0x0c);
  });

  test('rule 8: a kernel of the 6th posting knows IOMAP by another bit, and no EXCLUSIVE', () => {
    const init = INIT_V7.slice();
    init[4] = 45;
    expect(new IomapHarness(new PlainDriver(), {init}).server.attrFlags).toBe(1 << 2);
  });

  test('rule 11: inline data are read and written by node id with file handle 0', () => {
    const fs = new ExtentFs(MIB);
    const iomap = new IomapHarness(fs);
    const ino = fs.add('small', {inline: text('hello')});
    const nodeid = BigInt(ino);
    expect(iomap.begin(0, {ino}).read).toMatchObject({type: 4, offset: 0, length: 4096});
    expect(iomap.begin(0, {ino, op: OP.WRITE}).read.type).toBe(4);
    const read = (): string => {
      const body = rows('00'.repeat(8), '00'.repeat(8), '00100000 00000000', '00'.repeat(16));
      return Buffer.from(iomap.harness.ask(request('READ', body, {nodeid})).subarray(16)).toString();
    };
    expect(read()).toBe('hello');
    const write = rows('00'.repeat(8), '05'.padEnd(16, '0'), '01000000 00000000', '00'.repeat(16), '21');
    expect(iomap.errnoOf(request('WRITE', write, {nodeid}))).toBe(0);
    expect(read()).toBe('hello!');
    expect(iomap.notifications, 'what is inline stays out of the cache').toEqual([]);
  });
});
