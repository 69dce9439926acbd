import {describe, expect, test} from 'vitest';
import type {Accounts, AllowRule, MountFacts} from '../../../src/policy/index.js';
import {memberProblem} from '../../../src/policy/index.js';
import {memberRuleOf} from '../../../src/policy/member-rule.js';

const HOMES: Record<number, string> = {0: '/root', 1000: '/home/ada', 1001: '/', 1002: '/home/[x]*?'};
const accounts: Accounts = {
  userId: () => undefined,
  groupId: () => undefined,
  userName: () => undefined,
  primaryGroup: (uid) => uid,
  groupsOf: () => [],
  home: (uid) => HOMES[uid],
};

function problem(
  rule: Partial<AllowRule>,
  member: Partial<MountFacts['source']>,
  {uid = 1000, listed = [] as string[]} = {},
): string | undefined {
  const whole: AllowRule = {
    origin: {file: 'stripefs.toml', line: 1},
    ...{users: ['*'], groups: [], sources: ['**'], sourceKinds: ['file', 'block'], sourceOwner: 'anyone'},
    ...{maxSourceBytes: null, members: ['/srv/*.img'], targets: ['**'], targetOwner: 'anyone'},
    access: 'read-only',
    ...rule,
  };
  const facts = {path: '/srv/a.img', kind: 'file', uid: 1000, bytes: 4096, ...member} as const;
  return memberProblem(memberRuleOf(whole, {uid, gid: uid, groups: []}, accounts), facts, listed);
}

describe('a member', () => {
  test('is allowed where a pattern of the rule or of the caller fits it', () => {
    expect(problem({}, {})).toBeUndefined();
    expect(problem({members: []}, {}, {listed: ['/srv/a.img']})).toBeUndefined();
    expect(problem({members: []}, {})).toContain('lists it');
    expect(problem({}, {path: '/srv/sub/a.img'})).toContain('lists it');
    expect(problem({}, {path: '/etc/shadow'}, {listed: ['/srv/**']})).toContain('lists it');
  });

  test('below the home of a caller who has one', () => {
    const rule = {members: ['~/*.img']};
    expect(problem(rule, {path: '/home/ada/a.img'})).toBeUndefined();
    expect(problem(rule, {path: '/home/bob/a.img'})).toContain('lists it');
    for (const path of ['/a.img', '//a.img'])
      expect(problem(rule, {path}, {uid: 1001})).toContain('lists it');
    expect(problem(rule, {path: '/home/bob/a.img'}, {uid: 1002})).toContain('lists it');
    expect(problem(rule, {path: '/home/[x]*?/a.img'}, {uid: 1002})).toBeUndefined();
  });

  test('must fit what the rule says of sources, whoever lists it', () => {
    const listed = ['/srv/a.img'];
    expect(problem({sourceOwner: 'caller'}, {uid: 0}, {listed})).toBe(
      'it belongs to user 0, not to user 1000',
    );
    expect(problem({sourceOwner: 'root'}, {uid: 1000}, {listed})).toBe(
      'it belongs to user 1000, not to user 0',
    );
    expect(problem({sourceKinds: ['block']}, {}, {listed})).toBe('it is a regular file');
    expect(problem({sourceKinds: ['file']}, {kind: 'block'}, {listed})).toBe('it is a block device');
    expect(problem({maxSourceBytes: 4095}, {}, {listed})).toBe('it has more than 4095 bytes');
    expect(problem({maxSourceBytes: 4096}, {bytes: Number.POSITIVE_INFINITY}, {listed})).toContain(
      'more than',
    );
  });
});
