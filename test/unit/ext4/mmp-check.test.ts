import {closeSync, openSync, readFileSync} from 'node:fs';
import {afterAll, describe, expect, test} from 'vitest';
import {type BlockSource, FileSource} from '../../../src/block/index.js';
import {crc32c} from '../../../src/ext4/checksum.js';
import {checkMmp} from '../../../src/ext4/mmp.js';
import {decodeSuperblock, SUPERBLOCK_OFFSET} from '../../../src/ext4/superblock.js';
import {viewOf} from '../../../src/wire/index.js';
import {cannotMount, Workbench} from '../../support/dirty-image.js';

const reason = cannotMount();
const bench = reason === undefined ? new Workbench() : undefined;
afterAll(() => bench?.close());

const CLEAN = 0xff4d4d50;
const FSCK = 0xe24d4d50;

function open(path: string) {
  const bytes = readFileSync(path);
  const source: BlockSource = {
    size: bytes.length,
    read(target, offset, length, position) {
      target.set(bytes.subarray(position, position + length), offset);
      return Math.min(length, bytes.length - position);
    },
  };
  const superblock = decodeSuperblock(bytes.subarray(SUPERBLOCK_OFFSET, SUPERBLOCK_OFFSET + 1024));
  const at = Number(superblock.mmpBlock) * superblock.blockSize;
  const block = bytes.subarray(at, at + 1024);
  const edit = (change: (view: DataView) => void, seal = true): void => {
    const view = viewOf(block);
    change(view);
    if (seal) view.setUint32(1020, crc32c(superblock.checksumSeed, block, 0, 1020), true);
  };
  return {source, superblock, edit};
}

const sequence = (value: number) => (view: DataView) => view.setUint32(4, value, true);

describe.skipIf(reason !== undefined)(`multiple mount protection (${reason ?? 'as root'})`, () => {
  const image = reason === undefined ? bench!.makeImage('16M', ['-O', 'mmp']) : '';

  type Row = [what: string, change: (view: DataView) => void, seal: boolean, code: string | undefined];
  const rows: Row[] = [
    ['as mkfs leaves it', () => {}, true, undefined],
    ['clean', sequence(CLEAN), true, undefined],
    ['held by e2fsck', sequence(FSCK), true, 'mmp-fsck'],
    ['held by another system', sequence(17), true, 'mmp-in-use'],
    ['another magic', (view) => view.setUint32(0, 1, true), true, 'mmp-magic'],
    ['a wrong checksum', (view) => view.setUint8(30, 9), false, 'mmp-checksum'],
  ];
  for (const [what, change, seal, code] of rows) {
    test(`${what}: ${code ?? 'may be mounted'}`, () => {
      const {source, superblock, edit} = open(image);
      edit(change, seal);
      if (code === undefined) expect(() => checkMmp(source, superblock)).not.toThrow();
      else expect(() => checkMmp(source, superblock)).toThrow(expect.objectContaining({code}));
    });
  }

  test('a counter that stays the same while waiting belongs to nobody', () => {
    const {source, superblock, edit} = open(image);
    edit(sequence(17));
    const waits: number[] = [];
    checkMmp(source, superblock, {sleep: (ms) => waits.push(ms)});
    expect(waits).toEqual([11_000]);
  });

  test('a counter that moves belongs to someone, whose name is told', () => {
    const {source, superblock, edit} = open(image);
    edit((view) => {
      sequence(17)(view);
      new Uint8Array(view.buffer, view.byteOffset + 16, 6).set(Buffer.from('node\x1b1'));
    });
    const sleep = (): void => edit(sequence(18));
    expect(() => checkMmp(source, superblock, {sleep})).toThrow(
      expect.objectContaining({
        code: 'mmp-in-use',
        errno: 'EBUSY',
        details: expect.objectContaining({nodeName: 'node?1'}),
      }),
    );
  });

  test('an interval too long to wait for refuses at once', () => {
    const {source, superblock, edit} = open(image);
    edit((view) => {
      sequence(17)(view);
      view.setUint16(112, 65_535, true);
    });
    const sleep = (): void => {
      throw new Error('waited');
    };
    expect(() => checkMmp(source, superblock, {sleep})).toThrow(
      expect.objectContaining({code: 'mmp-in-use'}),
    );
  });

  test('a block outside the file system is refused', () => {
    const {source, superblock} = open(image);
    expect(() => checkMmp(source, {...superblock, mmpBlock: 2n ** 60n})).toThrow(
      expect.objectContaining({code: 'mmp-block'}),
    );
  });

  test('an image that the kernel has mounted is in use', () => {
    const dirty = bench!.dirty(bench!.makeImage('16M', ['-O', 'mmp']), () => {});
    const fd = openSync(dirty, 'r');
    const source = new FileSource(fd);
    const raw = new Uint8Array(1024);
    source.read(raw, 0, raw.length, SUPERBLOCK_OFFSET);
    expect(() => checkMmp(source, decodeSuperblock(raw))).toThrow(
      expect.objectContaining({code: 'mmp-in-use'}),
    );
    closeSync(fd);
  });
});
