import {readFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {IOEND, MAP, MAPF, OPF} from '../../support/kernel-sim/bits.js';
import type {FaultKind} from '../../support/kernel-sim/faults.js';
import type {KernelOptions} from '../../support/kernel-sim/kernel.js';
import type {Mapping} from '../../support/kernel-sim/mapping.js';
import {resolve} from '../../support/kernel-sim/namespace.js';
import {OP} from '../../support/kernel-sim/opcodes.js';
import {O_DIRECT, OpenFile} from '../../support/kernel-sim/open-file.js';
import {mapped, unmapped} from '../../support/kernel-sim/scripted-server.js';
import {inWords, type Stage, stage} from './fixture.js';

/** Writing with a server that is scripted: delayed allocation, copy on write, and each way to lose data. */

const WB = IOEND.WRITEBACK;

/** What a BEGIN is answered with, by what it is for. */
type Plan = (opflags: number) => readonly [read: Mapping, write?: Mapping];

function scene(plan: Plan, options: KernelOptions = {}): Stage & {file: OpenFile; direct: OpenFile} {
  const made = stage(4096, options);
  const script = {nodeid: 5n, size: 8192, mappings: [] as Mapping[]};
  made.server.files.set('file', script);
  made.server.answer = (pair, _pos, opflags) => {
    const [read, write] = plan(opflags >>> 0);
    pair[0] = read;
    pair[1] = write ?? unmapped(MAP.PURE_OVERWRITE, read.offset, read.length);
  };
  made.server.handlers.set(OP.IOMAP_IOEND, (_, body) => {
    const view = new DataView(body.buffer, body.byteOffset);
    if (view.getInt32(4, true) !== 0) return 0 - view.getInt32(4, true);
    if ((view.getUint32(0, true) & IOEND.APPEND) !== 0)
      script.size = Number(view.getBigUint64(16, true) + view.getBigUint64(32, true));
    const size = new Uint8Array(8);
    new DataView(size.buffer).setBigUint64(0, BigInt(script.size), true);
    return size;
  });
  made.kernel.mount();
  const inode = resolve(made.kernel, 'file');
  return {
    ...made,
    file: OpenFile.open(made.kernel, inode),
    direct: OpenFile.open(made.kernel, inode, O_DIRECT),
  };
}

const hole = unmapped(MAP.HOLE, 0n, 65_536n);
const promised = unmapped(MAP.DELALLOC, 0n, 65_536n);
const data = Buffer.alloc(4096, 'new ');

function codeOf(action: () => void): string {
  try {
    action();
    return 'fine';
  } catch (error) {
    return (error as {code: string}).code;
  }
}

test('delayed allocation: a promise for the write, blocks for the write-back', () => {
  const {kernel, file, path} = scene((op) => [
    (op & OPF.WRITEBACK) !== 0 ? mapped(0, 65_536, 131_072, MAP.UNWRITTEN) : promised,
  ]);
  const sent = kernel.during(() => {
    file.write(data, 0);
    file.fsync();
  });
  expect(sent.map(inWords)).toEqual([
    'BEGIN WRITE 0+4096',
    'BEGIN WRITEBACK 0+4096',
    `IOEND ${WB | IOEND.UNWRITTEN} 0+4096`,
    'FSYNC',
  ]);
  expect(readFileSync(path).subarray(131_072, 135_168).equals(data)).toBe(true);
  expect(kernel.faults.lines()).toEqual([]);
});

test('copy on write: the rest of a block comes from where reads come from', () => {
  const {kernel, file, device, path} = scene(() => [
    {...mapped(0, 65_536, 65_536), flags: MAPF.SHARED},
    {...mapped(0, 65_536, 262_144), flags: MAPF.SHARED},
  ]);
  file.write(Buffer.from('changed'), 100);
  const sent = kernel.during(() => file.fsync());
  expect(sent.map(inWords)).toContain(`IOEND ${WB | IOEND.SHARED} 0+4096`);
  const wanted = Buffer.from(device.subarray(65_536, 69_632));
  wanted.write('changed', 100);
  expect(readFileSync(path).subarray(262_144, 266_240).equals(wanted)).toBe(true);
  expect(readFileSync(path).subarray(65_536, 69_632).equals(device.subarray(65_536, 69_632))).toBe(true);
});

test('blocks that are NEW are zeroed where they are not written', () => {
  const {file, path} = scene(() => [{...mapped(0, 65_536, 65_536), flags: MAPF.NEW}]);
  file.write(Buffer.from('x'), 10);
  file.fsync();
  const block = readFileSync(path).subarray(65_536, 69_632);
  expect(block.toString('latin1', 10, 11)).toBe('x');
  expect(block.filter((byte) => byte !== 0)).toHaveLength(1);
});

describe('ways to lose data', () => {
  const ways: Array<
    [
      what: string,
      plan: Plan,
      act: (file: OpenFile, direct: OpenFile) => void,
      code: string,
      fault: FaultKind,
    ]
  > = [
    ['a hole for a write', () => [hole], (file) => file.write(data, 0), 'fine', 'data-hole-for-write'],
    [
      'a hole for a direct write',
      () => [hole],
      (_, direct) => direct.write(data, 0),
      'EIO',
      'data-hole-for-write',
    ],
    [
      'a promise for a direct write',
      () => [promised],
      (_, direct) => direct.write(data, 0),
      'EIO',
      'data-direct-delalloc',
    ],
    [
      'a hole for write-back',
      (op) => [(op & OPF.WRITEBACK) !== 0 ? hole : promised],
      (file) => {
        file.write(data, 0);
        file.fsync();
      },
      'fine',
      'data-writeback-hole',
    ],
    [
      'a promise for write-back',
      () => [promised],
      (file) => {
        file.write(data, 0);
        file.fsync();
      },
      'EIO',
      'data-writeback-type',
    ],
  ];
  for (const [what, plan, act, code, fault] of ways) {
    test(`${what}: ${fault}`, () => {
      const {kernel, file, direct} = scene(plan);
      expect(codeOf(() => act(file, direct))).toBe(code);
      expect(kernel.faults.kinds()).toEqual([fault]);
    });
  }

  test('a size after IOEND that is less than what is on disk', () => {
    const {kernel, server, file} = scene(() => [mapped(0, 65_536, 65_536, MAP.UNWRITTEN)]);
    server.handlers.set(OP.IOMAP_IOEND, () => new Uint8Array(8));
    file.write(data, 0);
    file.fsync();
    expect(kernel.faults.kinds()).toEqual(['ioend-size-shrank']);
    expect(file.inode.diskSize).toBe(0);
  });

  test('an IOEND reply of the other version', () => {
    for (const [version, size] of [
      ['v7', 0],
      ['v6', 8],
    ] as const) {
      const {kernel, server, file} = scene(() => [mapped(0, 65_536, 65_536, MAP.UNWRITTEN)], {version});
      server.handlers.set(OP.IOMAP_IOEND, () => new Uint8Array(size));
      file.write(data, 0);
      expect(codeOf(() => file.fsync())).toBe('EIO');
      expect(kernel.faults.kinds()).toEqual(['reply-size']);
    }
  });
});

test('no place at write-back: the data are given up, and the server is told so', () => {
  const {kernel, server, file} = scene(() => [promised]);
  const answer = server.handlers.get(OP.IOMAP_BEGIN)!;
  server.handlers.set(OP.IOMAP_BEGIN, (nodeid, body, self) =>
    new DataView(body.buffer, body.byteOffset).getUint32(0, true) >>> 31 === 1
      ? 28
      : answer(nodeid, body, self),
  );
  file.write(data, 0);
  const sent = kernel.during(() => expect(codeOf(() => file.fsync())).toBe('ENOSPC'));
  expect(sent.map(inWords)).toEqual(['BEGIN WRITEBACK 0+4096', 'IOEND 0 0+4096']);
  expect(new DataView(sent[1]!.body.buffer).getInt32(4, true)).toBe(-28);
  expect(codeOf(() => file.fsync())).toBe('fine');
});

test('ENOTBLK and ENOSYS for direct I/O mean: through the page cache', () => {
  for (const errno of [15, 38]) {
    const {server, file, direct, path} = scene(() => [mapped(0, 65_536, 65_536)]);
    const answer = server.handlers.get(OP.IOMAP_BEGIN)!;
    server.handlers.set(OP.IOMAP_BEGIN, (nodeid, body, self) =>
      (body[0]! & OPF.DIRECT) !== 0 ? errno : answer(nodeid, body, self),
    );
    direct.write(data, 0);
    expect(readFileSync(path).subarray(65_536, 69_632).equals(data)).toBe(true);
    const found = Buffer.alloc(4096);
    direct.read(found, 0);
    expect(found.equals(data)).toBe(true);
    expect(file.inode.size).toBe(8192);
  }
});
