import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import {Cleanup} from '../../../src/helper/cleanup.js';
import {examine} from '../../../src/helper/examine.js';
import {isSubtype, subtypeOf} from '../../../src/helper/fs-type.js';
import {mountAttributes, superblockParameters} from '../../../src/helper/kernel-flags.js';
import {DEFAULT_MOUNT_POLICY, type MountPolicy} from '../../../src/helper/mount-policy.js';
import {parseOptions} from '../../../src/helper/options.js';
import {checkServerOptions, mergeFlags, mergeOptions} from '../../../src/helper/server-options.js';
import {silent} from '../../../src/service/log.js';
import {joinOptions, splitOptions} from '../../../src/service/option-text.js';
import * as ms from '../../../src/sys/mount-flags.js';

const SAFE = ms.MS_NOSUID | ms.MS_NODEV;
const policy = DEFAULT_MOUNT_POLICY;

describe("the caller's options", () => {
  test('patterns of members are kept for the helper, and told to the server as ever', () => {
    const {members, driver, forwarded} = parseOptions(
      ['member=a.img,member=/srv/*.img', 'member=**'],
      policy,
    );
    assert.deepEqual(members, ['a.img', '/srv/*.img', '**']);
    assert.equal(driver.length, 3);
    assert.equal(forwarded.length, 3);
  });
  for (const value of ['', '=', '=../a.img', '=./a', '=a//b', '=/srv/', '=~/a.img', '=a**b', '=a\\']) {
    test(`member${value} is refused`, () => {
      assert.throws(() => parseOptions([`member${value}`], policy), {code: 'bad-option'});
    });
  }
  test('members are for root to name; others are told so before anything is looked at', () => {
    const caller = {callerUid: 1000, callerGid: 1000, callerGroups: []};
    const request = {
      source: '/none',
      target: '/none',
      type: 'stripefs',
      options: ['member=/etc/*'],
      ...caller,
    };
    const cleanup = new Cleanup(silent);
    assert.throws(() => examine(request, policy, cleanup), {code: 'bad-option', errno: 1});
    assert.throws(() => examine({...request, callerUid: 0}, policy, cleanup), {code: 'source-missing'});
  });

  const splits: Array<[text: string, items: string[]]> = [
    ['', []],
    [',,', []],
    ['ro', ['ro']],
    ['ro,x=1,', ['ro', 'x=1']],
    ['x=a\\,b,ro', ['x=a,b', 'ro']],
    ['x=a\\\\,ro', ['x=a\\', 'ro']],
    ['x="a,b",ro', ['x=a,b', 'ro']],
    ['x=', ['x=']],
    ['x=a=b', ['x=a=b']],
    ['x\\', ['x\\']],
  ];
  for (const [text, items] of splits) {
    test(`${JSON.stringify(text)} is ${items.length} option(s)`, () => {
      const options = splitOptions(text);
      assert.deepEqual(
        options.map(({key, value}) => (value === undefined ? key : `${key}=${value}`)),
        items,
      );
      assert.deepEqual(splitOptions(joinOptions(options)), options, 'and back');
    });
  }

  const flags: Array<[options: string[], flags: number]> = [
    [[], SAFE],
    [['ro'], SAFE | ms.MS_RDONLY],
    [['ro,rw'], SAFE],
    [['ro', 'rw', 'ro'], SAFE | ms.MS_RDONLY],
    [['suid,dev'], SAFE],
    [
      ['noexec,sync,dirsync,nosymfollow'],
      SAFE | ms.MS_NOEXEC | ms.MS_SYNCHRONOUS | ms.MS_DIRSYNC | ms.MS_NOSYMFOLLOW,
    ],
    [['noatime,nodiratime'], SAFE | ms.MS_NOATIME | ms.MS_NODIRATIME],
    [['noatime,relatime'], SAFE | ms.MS_RELATIME],
    [['strictatime,atime'], SAFE],
    [['relatime,strictatime,lazytime'], SAFE | ms.MS_STRICTATIME | ms.MS_LAZYTIME],
    [['defaults,user,nofail,_netdev,noauto,x-systemd.automount,X-mount.mkdir,comment=hi,loop'], SAFE],
  ];
  for (const [options, expected] of flags) {
    test(`${options.join(' -o ') || 'none'}: flags`, () => {
      const parsed = parseOptions(options, policy);
      assert.equal(parsed.flags, expected);
      assert.equal(parsed.readOnly, (expected & ms.MS_RDONLY) !== 0);
      assert.deepEqual(parsed.driver, []);
      assert.deepEqual(parsed.fuse, []);
    });
  }

  const rights: Array<[more: Partial<MountPolicy>, options: string, flags: number]> = [
    [{allowSuid: true}, '', SAFE],
    [{allowSuid: true}, 'suid', ms.MS_NODEV],
    [{allowDev: true}, 'suid,dev', ms.MS_NOSUID],
    [{allowSuid: true, allowDev: true}, 'suid,dev', 0],
    [{allowSuid: true, allowDev: true}, 'suid,dev,nosuid', ms.MS_NOSUID],
  ];
  for (const [more, options, expected] of rights) {
    test(`policy ${JSON.stringify(more)} and -o ${options || '(none)'}`, () => {
      assert.equal(parseOptions([options], {...policy, ...more}).flags, expected);
    });
  }

  test('go to whom they are for', () => {
    const parsed = parseOptions(
      ['ro,allow_other,max_read=4096,errors=continue', 'nofail,journal=a\\,b,max_read=8192'],
      policy,
    );
    assert.deepEqual(parsed.fuse, [{key: 'allow_other'}, {key: 'max_read', value: '8192'}]);
    assert.deepEqual(parsed.driver, [
      {key: 'errors', value: 'continue'},
      {key: 'journal', value: 'a,b'},
    ]);
    assert.equal(
      joinOptions(parsed.forwarded),
      'ro,allow_other,max_read=4096,errors=continue,journal=a\\,b,max_read=8192',
    );
  });

  const refused = [
    'fd=3',
    'rootmode=40000',
    'user_id=0',
    'group_id=0',
    'source=/dev/sda',
    'subtype=x',
    'bind',
    'rbind',
    'remount',
    'move',
    'make-shared',
    'private',
    'max_read=',
    'max_read=-1',
    'max_read=4294967296',
    'max_read=1k',
    'allow_other=1',
    'default_permissions=yes',
    'x\0y',
    `x=${'y'.repeat(4096)}`,
  ];
  for (const option of refused) {
    test(`${JSON.stringify(option.slice(0, 30))} is refused`, () => {
      assert.throws(() => parseOptions([`ro,${option}`], policy), {
        name: 'MountError',
        code: 'bad-option',
        errno: 22,
      });
    });
  }

  test('allow_other and allow_root need policy', () => {
    for (const option of ['allow_other', 'allow_root']) {
      assert.throws(() => parseOptions([option], {...policy, allowOther: false}), {
        code: 'bad-option',
        errno: 1,
      });
    }
  });
});

describe("the server's options", () => {
  const caller = parseOptions(['context=a:b:c,max_read=4096'], policy);
  const allowed = [
    'default_permissions',
    'allow_other',
    'max_read=1',
    'blksize=512',
    'root_nodeid=2',
    'context=a:b:c',
  ];
  for (const option of allowed) {
    test(`${option} may be set`, () =>
      assert.equal(joinOptions(checkServerOptions(option, caller, policy)), option));
  }
  const refused = [
    'fd=0',
    'rootmode=40000',
    'user_id=0',
    'group_id=0',
    'source=/dev/sda',
    'subtype=ext4',
    'context=x',
    'fscontext=a:b:c',
    'suid',
    'rw',
    'allow_other=1',
    'max_read',
    'max_read=99999999999',
    'root_nodeid=18446744073709551616',
    'anything',
    'default_permissions,fd=0',
    'default_permissions=1\\,fd=0',
  ];
  for (const option of refused) {
    test(`${option} is refused`, () => {
      assert.throws(() => checkServerOptions(option, caller, policy), {code: 'EINVAL'});
    });
  }

  test('allow_other needs policy', () => {
    assert.throws(() => checkServerOptions('allow_other', caller, {...policy, allowOther: false}), {
      code: 'EPERM',
    });
  });

  test("the caller's word counts where both say something", () => {
    const server = checkServerOptions('max_read=1,default_permissions', caller, policy);
    assert.equal(
      joinOptions(mergeOptions(server, caller.fuse)),
      'max_read=4096,default_permissions,context=a:b:c',
    );
  });

  const flags: Array<[what: string, server: number, caller: string, flags: number]> = [
    ['nothing said', 0, '', SAFE],
    ['the server adds', ms.MS_RDONLY | ms.MS_NOEXEC, '', SAFE | ms.MS_RDONLY | ms.MS_NOEXEC],
    ['the server cannot take away', 0, 'ro,noexec', SAFE | ms.MS_RDONLY | ms.MS_NOEXEC],
    ['times: the server chooses', ms.MS_NOATIME, '', SAFE | ms.MS_NOATIME],
    ['times: the caller has chosen', ms.MS_NOATIME, 'strictatime', SAFE | ms.MS_STRICTATIME],
    ['times: the caller has chosen the default', ms.MS_NOATIME, 'atime', SAFE],
  ];
  for (const [what, server, options, expected] of flags) {
    test(`flags: ${what}`, () => assert.equal(mergeFlags(server, parseOptions([options], policy)), expected));
  }
  for (const flag of [
    ms.MS_REMOUNT,
    ms.MS_BIND,
    ms.MS_MOVE,
    ms.MS_REC,
    ms.MS_SHARED,
    ms.MS_PRIVATE,
    0x80000000,
  ]) {
    test(`flag 0x${flag.toString(16)} is refused`, () => {
      assert.throws(() => mergeFlags(flag | ms.MS_RDONLY, caller), {code: 'EINVAL'});
    });
  }
});

describe('what the kernel is told', () => {
  const rows: Array<[flags: number, attributes: number, parameters: string[]]> = [
    [0, 0, []],
    [ms.MS_RDONLY, 1, ['ro']],
    [SAFE | ms.MS_NOEXEC, 2 | 4 | 8, []],
    [ms.MS_NOATIME, 0x10, []],
    [ms.MS_STRICTATIME, 0x20, []],
    [ms.MS_RELATIME | ms.MS_NODIRATIME, 0x80, []],
    [ms.MS_NOSYMFOLLOW, 0x200000, []],
    [ms.MS_SYNCHRONOUS | ms.MS_DIRSYNC | ms.MS_LAZYTIME, 0, ['sync', 'dirsync', 'lazytime']],
  ];
  for (const [flags, attributes, parameters] of rows) {
    test(`flags 0x${flags.toString(16)}`, () => {
      assert.equal(mountAttributes(flags), attributes);
      assert.deepEqual(superblockParameters(flags), parameters);
    });
  }
});

describe('file system types', () => {
  const good: Array<[type: string, subtype: string]> = [
    ['ext4', 'ext4'],
    ['fuse.ext4', 'ext4'],
    ['fuseblk.ext4', 'ext4'],
    ['fuse.fuse.x', 'fuse.x'],
    ['ntfs-3g', 'ntfs-3g'],
    ['fuse', 'fuse'],
  ];
  for (const [type, subtype] of good)
    test(`${type} is ${subtype}`, () => assert.equal(subtypeOf(type), subtype));
  for (const type of ['', 'a/b', '../x', 'a..b', '.x', '-x', 'a b', 'a,b', 'a\n', 'ä', 'x'.repeat(64)]) {
    test(`${JSON.stringify(type.slice(0, 20))} is none`, () => {
      assert.equal(isSubtype(type), false);
      assert.throws(() => subtypeOf(type), {code: 'bad-type', exitCode: 1});
    });
  }
});
