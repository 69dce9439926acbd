import {describe, expect, test} from 'vitest';
import {ext4Driver} from '../../../src/server/ext4-driver.js';
import {OwnerMapping} from '../../../src/server/owner-mapping.js';
import {rawDriver} from '../../../src/server/raw-driver.js';
import {stripefsDriver} from '../../../src/server/stripefs-driver.js';
import {BUILTIN_OPTIONS} from '../../../src/service/option-table.js';

describe('options of our drivers', () => {
  test('are those that the mount helper knows them to have', () => {
    for (const {types, optionNames} of [ext4Driver, rawDriver, stripefsDriver]) {
      for (const type of types) expect(BUILTIN_OPTIONS.get(type), type).toEqual(optionNames);
    }
    const all = new Set([...ext4Driver.optionNames, ...rawDriver.optionNames, ...stripefsDriver.optionNames]);
    expect(new Set(BUILTIN_OPTIONS.get('auto'))).toEqual(all);
  });

  const rows: Array<[options: string, mode: number, shown: [mode: number, uid: number, gid: number]]> = [
    ['uid=5', 0o100644, [0o100644, 5, 2]],
    ['gid=0', 0o104755, [0o104755, 1, 0]],
    ['umask=077', 0o106755, [0o106700, 1, 2]],
    ['umask=22', 0o041777, [0o041755, 1, 2]],
    ['umask=077,fmask=0', 0o100644, [0o100644, 1, 2]],
    ['umask=077,dmask=7', 0o040755, [0o040750, 1, 2]],
    ['umask=777', 0o120777, [0o120777, 1, 2]],
    ['umask=777', 0o020666, [0o020000, 1, 2]],
  ];
  test.each(rows)('%s makes of mode %o', (options, mode, [shownMode, uid, gid]) => {
    const attr = {mode, uid: 1, gid: 2};
    OwnerMapping.from(new Map(options.split(',').map((each) => each.split('=') as [string, string])))?.apply(
      attr,
    );
    expect(attr).toEqual({mode: shownMode, uid, gid});
  });

  test.each([
    'uid=-1',
    'uid=4294967295',
    'uid=root',
    'gid=',
    'umask=8',
    'umask=1777',
    'fmask=0x7',
    'dmask=-1',
  ])('%s is refused by name', (option) => {
    const map = new Map([option.split('=') as [string, string]]);
    expect(() => OwnerMapping.from(map)).toThrow(`option ${option} is not`);
  });

  test('without any of them nothing is done', () => {
    expect(OwnerMapping.from(new Map([['errors', 'continue']]))).toBeUndefined();
  });
});
