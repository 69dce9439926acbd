import {describe, expect, test} from 'vitest';
import {
  Attr,
  applyChanges,
  deviceNumber,
  FATTR_ATIME,
  FATTR_MODE,
  FATTR_MTIME_NOW,
  FATTR_SIZE,
  InitFlagSet,
  LookupCounts,
  readExtensions,
  type SetattrChanges,
} from '../../../src/fuse/index.js';
import {Harness, request, rows, text} from './support.js';

describe('lookup counts', () => {
  test('a node is gone when all its lookups are given back', () => {
    const counts = new LookupCounts();
    expect([counts.add(7), counts.add(7), counts.add(8)]).toEqual([1, 2, 1]);
    expect(counts.forget(7, 1)).toBe(false);
    expect([counts.has(7), counts.get(7), counts.size]).toEqual([true, 1, 2]);
    expect(counts.forget(7, 1)).toBe(true);
    expect(counts.has(7)).toBe(false);
  });

  test('more given back than there were', () => {
    const counts = new LookupCounts();
    counts.add(7);
    expect(counts.forget(7, 5)).toBe(true);
    expect(counts.forget(9, 1)).toBe(true);
    counts.add(7);
    expect(counts.get(7)).toBe(1);
  });
});

describe('extensions of a create request', () => {
  const block = rows(
    '28000000 01000000  size, one security context',
    '03000000 00000000  value size, padding',
    '73656c696e757800  name',
    '613a6200 00000000  value',
    '0000000000000000  padding',
    '10000000 20000000  size, supplementary groups',
    '01000000 64000000  count, group',
  );

  test('labels and groups', () => {
    const {securityContexts, groups} = readExtensions(block);
    expect(securityContexts).toEqual([{name: 'selinux', value: text('a:b')}]);
    expect(groups).toEqual([100]);
  });

  test('are what follows the name, and no part of it', () => {
    let seen: unknown;
    const harness = new Harness({
      mkdir(_parent, name, _mode, _umask, entry, ctx) {
        seen = [Buffer.from(name).toString(), readExtensions(ctx.extensions).groups];
        entry.nodeid = 7;
        entry.attr.mode = 0o040755;
      },
    });
    harness.ask(request('MKDIR', rows('0000000000000000', '61626300'), {extension: block}));
    expect(seen).toEqual(['abc', [100]]);
    harness.ask(request('MKDIR', rows('0000000000000000', '61626300')));
    expect(seen).toEqual(['abc', []]);
  });

  test('unknown blocks are skipped', () => {
    expect(
      readExtensions(
        rows('0c000000 63000000', '01020304 00000000', '10000000 20000000', '01000000 05000000'),
      ),
    ).toEqual({securityContexts: [], groups: [5]});
  });

  for (const [what, bytes] of [
    ['half a header', rows('10000000')],
    ['a size of nothing', rows('00000000 01000000')],
    ['a block that ends after the request', rows('18000000 20000000', '01000000 05000000')],
    ['more groups than there are', rows('10000000 20000000', '02000000 05000000')],
    ['groups without count', rows('08000000 20000000')],
    ['a name without end', rows('18000000 01000000', '00000000 00000000', '6161616161616161')],
    ['a label longer than its block', rows('18000000 01000000', '09000000 00000000', '6100000000000000')],
    ['a label that is not there', rows('08000000 01000000')],
  ] as const) {
    test(`${what} is refused`, () => {
      expect(() => readExtensions(bytes)).toThrow(expect.objectContaining({code: 'EINVAL'}));
    });
  }
});

describe('attributes', () => {
  const changes = (values: Partial<SetattrChanges>): SetattrChanges => ({
    ...{valid: 0, fh: 0, size: 0, atime: 0, mtime: 0, ctime: 0, atimensec: 0, mtimensec: 0, ctimensec: 0},
    ...{mode: 0, uid: 0, gid: 0},
    ...values,
  });

  test('a change of mode leaves the type', () => {
    const attr = new Attr();
    attr.mode = 0o100644;
    applyChanges(attr, changes({valid: FATTR_MODE, mode: 0o104755}), 1_500);
    expect([attr.mode, attr.ctime, attr.ctimensec, attr.mtime]).toEqual([0o104755, 1, 500_000_000, 0]);
  });

  test('times given and times of now', () => {
    const attr = new Attr();
    const valid = FATTR_SIZE | FATTR_ATIME | FATTR_MTIME_NOW;
    applyChanges(attr, changes({valid, size: 9, atime: -5, atimensec: 7}), 2_000);
    expect(attr).toMatchObject({size: 9, atime: -5, atimensec: 7, mtime: 2, mtimensec: 0, uid: 0});
  });

  test('times before 1970', () => {
    const attr = new Attr();
    attr.touch(-1, 'mtime');
    expect([attr.mtime, attr.mtimensec]).toEqual([-1, 999_000_000]);
  });

  test('copies are whole', () => {
    const from = new Attr();
    for (const [index, field] of Object.keys(from).entries()) Object.assign(from, {[field]: index + 1});
    const to = new Attr();
    to.copy(from);
    expect(to).toEqual(from);
    to.reset();
    expect(to).toEqual(new Attr());
  });

  test('device numbers', () => {
    expect(deviceNumber(8, 1)).toBe(0x801);
    expect(deviceNumber(259, 0x12345)).toBe(0x12310345);
  });
});

test('a flag set has the bits of both words', () => {
  const set = new InitFlagSet();
  set.add('INIT_EXT');
  set.add('HAS_RESEND');
  expect([set.low, set.high]).toEqual([0x4000_0000, 0x80]);
  expect(set.names()).toEqual(['INIT_EXT', 'HAS_RESEND']);
  set.delete('INIT_EXT');
  expect(set.has('INIT_EXT')).toBe(false);
});
