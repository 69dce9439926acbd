import {execFileSync, spawnSync} from 'node:child_process';
import {expect, test} from 'vitest';
import {SystemAccounts} from '../../../src/policy/index.js';

const accounts = new SystemAccounts();
const withoutGetent = spawnSync('/usr/bin/getent', ['passwd', '0']).status === 0 ? '' : ' (without getent)';

test('root is 0, and nobody has a name that nobody has', () => {
  expect([accounts.userId('root'), accounts.userName(0)]).toEqual([0, 'root']);
  expect(accounts.userId('no-such-user')).toBeUndefined();
  expect(accounts.groupId('no-such-group')).toBeUndefined();
  expect(accounts.home(4_000_000_000)).toBeUndefined();
});

test.skipIf(withoutGetent)(`users and groups are those that getent(1) tells${withoutGetent}`, () => {
  const lines = (database: string): string[][] =>
    execFileSync('/usr/bin/getent', [database], {encoding: 'utf8'})
      .trim()
      .split('\n')
      .map((line) => line.split(':'));
  for (const [name, , uid, gid] of lines('passwd')) {
    expect(accounts.userId(name!)).toBe(Number(uid));
    // Two names may have one number; its group is that of the first.
    if (accounts.userName(Number(uid)) === name) expect(accounts.primaryGroup(Number(uid))).toBe(Number(gid));
  }
  for (const [name, , gid] of lines('group')) expect(accounts.groupId(name!)).toBe(Number(gid));
});
