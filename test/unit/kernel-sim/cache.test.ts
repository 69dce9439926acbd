import {describe, expect, test} from 'vitest';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import {MAP, NONE, OPF} from '../../support/kernel-sim/bits.js';
import type {Inode} from '../../support/kernel-sim/inode.js';
import {iomapBegin} from '../../support/kernel-sim/iomap.js';
import type {KernelOptions} from '../../support/kernel-sim/kernel.js';
import type {Mapping} from '../../support/kernel-sim/mapping.js';
import {RECORD_SIZE} from '../../support/kernel-sim/mapping-tree.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {NOTIFY, OP} from '../../support/kernel-sim/opcodes.js';
import {encodePair, mapped, unmapped} from '../../support/kernel-sim/scripted-server.js';
import {DEVICE_SIZE, type Stage, stage} from './fixture.js';

/** The mapping cache of an inode: what may be pushed into it, what is answered from it, when it is forgotten. */

const NO_WRITE = unmapped(MAP.NOCACHE, 0n, 8192n);

interface Scene extends Stage {
  readonly inode: Inode;
}

function scene(options: KernelOptions = {}): Scene {
  const made = stage(4096, options);
  made.server.files.set('file', {nodeid: 5n, size: 65_536, mappings: [mapped(0, 65_536, 4096)]});
  made.kernel.mount();
  return {...made, inode: resolve(made.kernel, 'file')};
}

/** How often the server is asked by some operations. */
function asked({kernel}: Scene, action: () => void): number {
  return kernel.during(action).filter(({opcode}) => opcode === OP.IOMAP_BEGIN).length;
}

describe('what write(2) of an upsert says', () => {
  const good = mapped(0, 8192, 4096);
  const refused: Array<[what: string, read: Mapping, write: Mapping, errno: number]> = [
    ['an unaligned record', mapped(0, 100, 4096), NO_WRITE, ERRNO.EUCLEAN],
    ['one beyond the device', mapped(0, 8192, DEVICE_SIZE), NO_WRITE, ERRNO.EUCLEAN],
    ['an unknown type', {...good, type: 42}, NO_WRITE, ERRNO.EUCLEAN],
    ['RETRY_CACHE', unmapped(MAP.RETRY_CACHE, 0n, 4096n), NO_WRITE, ERRNO.EUCLEAN],
    ['PURE_OVERWRITE for reading', unmapped(MAP.PURE_OVERWRITE, 0n, 4096n), NO_WRITE, ERRNO.EUCLEAN],
    ['an unknown device', {...good, dev: 9}, NO_WRITE, ERRNO.EUCLEAN],
    ['a bad record for writing', good, mapped(0, 4095, 0), ERRNO.EUCLEAN],
  ];
  for (const [what, read, write, errno] of refused) {
    test(`${what}: ${-errno}`, () => {
      const {server, inode} = scene();
      expect(server.upsert(5n, read, write)).toBe(-errno);
      expect(inode.cache).toBeUndefined();
    });
  }

  test('another inode number, an unknown node, another size, an unknown message', () => {
    const {server, kernel} = scene();
    expect(server.upsert(5n, good, NO_WRITE, 6n)).toBe(-ERRNO.EINVAL);
    expect(server.upsert(99n, good, NO_WRITE)).toBe(-ERRNO.ESTALE);
    expect(server.notify(NOTIFY.UPSERT_MAPPINGS, new Uint8Array(79))).toBe(-ERRNO.EINVAL);
    expect(server.notify(10, new Uint8Array(80))).toBe(-ERRNO.EINVAL);
    expect(server.upsert(5n, good, NO_WRITE)).toBe(96);
    expect(kernel.faults.kinds()).toEqual(['notify-ino', 'notify-size', 'notify-unknown']);
  });

  test('later kernels refuse an inode without iomap, and look at records that mean nothing', () => {
    const {server} = scene({version: 'post-v7'});
    expect(server.upsert(1n, good, NO_WRITE)).toBe(-ERRNO.EINVAL);
    expect(server.upsert(5n, good, {...NO_WRITE, length: 1n})).toBe(-ERRNO.EUCLEAN);
    expect(scene().server.upsert(5n, good, {...NO_WRITE, length: 1n})).toBe(96);
  });
});

describe('what is answered from the cache', () => {
  test('reads and overwrites by the read tree, until something else is pushed for writing', () => {
    const made = scene();
    const {server, kernel, inode} = made;
    server.upsert(5n, mapped(0, 8192, 4096), unmapped(MAP.PURE_OVERWRITE, 0n, 8192n));
    const both = () => {
      iomapBegin(kernel, inode, 4096, 8192, 0);
      iomapBegin(kernel, inode, 4096, 8192, OPF.WRITE);
    };
    expect(asked(made, both)).toBe(0);
    expect(inode.cache!.write).toBeUndefined();
    server.upsert(5n, unmapped(MAP.NOCACHE, 0n, 4096n), mapped(0, 4096, 32_768));
    expect(asked(made, both)).toBe(1);
    const {target, source} = iomapBegin(kernel, inode, 0, 4096, OPF.WRITE);
    expect([target.addr, source.addr]).toEqual([32_768n, 4096n]);
  });

  test('never atomic writes and swap files, nor holes for writes', () => {
    const made = scene();
    const {server, kernel, inode} = made;
    server.upsert(5n, mapped(0, 8192, 4096), NO_WRITE);
    server.upsert(5n, unmapped(MAP.HOLE, 8192n, 8192n), NO_WRITE);
    server.upsert(5n, unmapped(MAP.DELALLOC, 16_384n, 8192n), NO_WRITE);
    const count = (pos: number, op: number): number =>
      asked(made, () => iomapBegin(kernel, inode, pos, pos + 4096, op));
    expect(count(0, OPF.WRITE | OPF.DIRECT | OPF.ATOMIC)).toBe(1);
    expect(count(0, OPF.SWAPFILE | OPF.REPORT)).toBe(1);
    expect(count(8192, OPF.WRITE)).toBe(1);
    expect(count(8192, OPF.ZERO)).toBe(0);
    expect(count(8192, 0)).toBe(0);
    expect(count(16_384, OPF.WRITE)).toBe(0);
    expect(count(16_384, OPF.DIRECT)).toBe(1);
    expect(count(16_384, OPF.WRITEBACK)).toBe(1);
  });

  test('nothing after an invalidation, to the end of the file where it says so', () => {
    const made = scene();
    const {server, kernel, inode} = made;
    const count = (pos: number): number => asked(made, () => iomapBegin(kernel, inode, pos, pos + 4096, 0));
    server.upsert(5n, mapped(0, 65_536, 4096), NO_WRITE);
    expect(server.invalidate(5n, 8192n, 4096n)).toBe(64);
    expect([count(4096), count(8192), count(12_288)]).toEqual([0, 1, 0]);
    server.invalidate(5n, 12_288n, NONE);
    expect([count(4096), count(12_288), count(61_440)]).toEqual([0, 1, 1]);
    expect(server.invalidate(5n, 100n, 4096n)).toBe(-ERRNO.EUCLEAN);
  });

  test('a tree that grows beyond the limit of CONFIG is emptied', () => {
    const {server, kernel, inode} = scene();
    const most = kernel.cacheLimit / RECORD_SIZE;
    for (let i = 0; i <= most; i++)
      server.upsert(5n, mapped(i * 8192, 4096, 4096 + (i % 9) * 8192), NO_WRITE);
    expect(inode.cache!.emptied).toBe(1);
    expect(inode.cache!.read.size).toBe(1);
  });
});

describe('RETRY_CACHE', () => {
  const retry = encodePair([
    unmapped(MAP.RETRY_CACHE, 0n, 65_536n),
    unmapped(MAP.PURE_OVERWRITE, 0n, 65_536n),
  ]);

  test('after an upsert the cache is looked at', () => {
    const {server, kernel, inode} = scene();
    server.handlers.set(OP.IOMAP_BEGIN, () => {
      server.upsert(5n, mapped(0, 8192, 4096), NO_WRITE);
      return retry;
    });
    expect(iomapBegin(kernel, inode, 0, 4096, 0).target.addr).toBe(4096n);
    expect(kernel.faults.lines()).toEqual([]);
  });

  test('without any cache it is corruption, with one that never has the answer it has no end', () => {
    const {server, kernel, inode} = scene();
    server.handlers.set(OP.IOMAP_BEGIN, () => retry);
    expect(() => iomapBegin(kernel, inode, 0, 4096, 0)).toThrow('EUCLEAN');
    expect(kernel.faults.kinds()).toEqual(['cache-retry-without-cache']);
    server.upsert(5n, mapped(32_768, 8192, 4096), NO_WRITE);
    expect(() => iomapBegin(kernel, inode, 0, 4096, 0)).toThrow('EINTR');
    expect(kernel.faults.kinds()).toContain('cache-retry-endless');
  });

  test('later kernels refuse it for what is never answered from the cache', () => {
    const {server, kernel, inode} = scene({version: 'post-v7'});
    server.upsert(5n, mapped(0, 8192, 4096), NO_WRITE);
    server.handlers.set(OP.IOMAP_BEGIN, () => retry);
    expect(() => iomapBegin(kernel, inode, 0, 4096, OPF.SWAPFILE | OPF.REPORT)).toThrow('EUCLEAN');
    expect(kernel.faults.kinds()).toEqual(['cache-retry-refused']);
  });
});
