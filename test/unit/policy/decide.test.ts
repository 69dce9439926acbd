import {expect, test} from 'vitest';
import type {Accounts, AllowRule, MountFacts, Policy} from '../../../src/policy/index.js';
import {decide, loadPolicy, settingsFor} from '../../../src/policy/index.js';

const USERS: Record<string, number> = {root: 0, ada: 1000, bob: 1001};
const GROUPS: Record<string, number> = {root: 0, lab: 500, wheel: 10};

const accounts: Accounts = {
  userId: (name) => USERS[name],
  groupId: (name) => GROUPS[name],
  userName: (uid) => Object.keys(USERS).find((name) => USERS[name] === uid),
  primaryGroup: (uid) => uid,
  groupsOf: () => [],
  home: (uid) => (uid === 1000 ? '/home/ada' : undefined),
};

const shipped = loadPolicy('ext4', '/nonexistent');
let line = 0;
function rule(more: Partial<AllowRule>): AllowRule {
  return {
    origin: {file: 'ext4.toml', line: ++line},
    users: ['ada'],
    groups: [],
    sources: ['**'],
    sourceKinds: ['file', 'block'],
    sourceOwner: 'anyone',
    maxSourceBytes: null,
    members: [],
    targets: ['**'],
    targetOwner: 'anyone',
    access: 'read-write',
    ...more,
  };
}

type Facts = {
  [K in keyof MountFacts]?: MountFacts[K] extends object ? Partial<MountFacts[K]> : MountFacts[K];
};
function facts(more: Facts = {}): MountFacts {
  return {
    caller: {uid: 1000, gid: 1000, groups: [], ...more.caller},
    source: {path: '/home/ada/disk.img', kind: 'file', uid: 1000, bytes: 4096, ...more.source},
    target: {path: '/home/ada/mnt', uid: 1000, fsType: 'ext4', ...more.target},
    readOnly: more.readOnly ?? false,
    options: (more.options as MountFacts['options']) ?? [],
  };
}

function ask(
  rules: AllowRule[],
  more: Facts = {},
  settings: Partial<Policy> = {},
): ReturnType<typeof decide> {
  return decide({...shipped, ...settings, allow: rules}, facts(more), accounts);
}

test.each<[what: string, rule: Partial<AllowRule>, facts: Facts, verdict: string]>([
  ['another user', {users: ['bob']}, {}, 'the rule is for bob, not for ada'],
  ['a name that is nobody', {users: ['eve']}, {}, 'the rule is for eve, not for ada'],
  ['a number', {users: ['1001']}, {}, 'not for ada'],
  [
    'a group',
    {users: [], groups: ['lab']},
    {caller: {groups: [10]}},
    'the rule is for group lab, not for ada',
  ],
  [
    'another place',
    {sources: ['/srv/**', '/mnt/*']},
    {},
    'the source /home/ada/disk.img is none of /srv/**, /mnt/*',
  ],
  ["another's home", {sources: ['~/**']}, {source: {path: '/home/bob/disk.img'}}, 'is none of ~/**'],
  [
    'a device',
    {sourceKinds: ['file']},
    {source: {kind: 'block'}},
    'the source is a block device, not a regular file',
  ],
  ['a file', {sourceKinds: ['block']}, {}, 'the source is a regular file, not a block device'],
  ['a directory', {}, {source: {kind: 'directory'}}, 'the source is a directory'],
  ['a name', {}, {source: {kind: 'name', path: 'h:/srv'}}, 'the source is the name of something'],
  [
    'a name by a pattern',
    {sourceKinds: ['name'], sources: ['h:*', '/**']},
    {source: {kind: 'name', path: 'h:/srv'}},
    'the source h:/srv is none of h:*, /**',
  ],
  ["another's file", {sourceOwner: 'caller'}, {source: {uid: 1001}}, 'the source belongs to bob, not to ada'],
  ["not root's", {sourceOwner: 'root'}, {}, 'the source belongs to ada, not to root'],
  ['too large', {maxSourceBytes: 4095}, {}, 'the source has 4096 bytes, more than 4095'],
  ['unknown size', {maxSourceBytes: 1}, {source: {bytes: Number.POSITIVE_INFINITY}}, 'is not known'],
  ['another target', {targets: ['/media/*']}, {}, 'the target /home/ada/mnt is none of /media/*'],
  [
    "another's target",
    {targetOwner: 'caller'},
    {target: {uid: 4711}},
    'the target belongs to user 4711, not to ada',
  ],
  ['writable', {access: 'read-only'}, {}, 'the rule is for read-only mounts (-o ro)'],
])('%s does not fit, and the sentence says so', (_what, more, given, verdict) => {
  const only = rule(more);
  const decision = ask([only], given);
  expect(decision).toMatchObject({allowed: false, origin: only.origin});
  expect(decision.reason).toContain(verdict);
  expect(decision.considered).toEqual([{origin: only.origin, verdict: decision.reason}]);
});

test.each<[what: string, rule: Partial<AllowRule>, facts: Facts]>([
  ['a name', {}, {}],
  ['a number', {users: ['1000']}, {}],
  ['everybody', {users: ['*']}, {caller: {uid: 77}}],
  ['the primary group', {users: [], groups: ['lab']}, {caller: {gid: 500}}],
  ['a supplementary group', {users: [], groups: ['lab']}, {caller: {groups: [3, 500]}}],
  ['a group by number', {users: [], groups: ['500']}, {caller: {groups: [500]}}],
  ['home', {sources: ['~/*'], targets: ['~/*'], sourceOwner: 'caller', targetOwner: 'caller'}, {}],
  ['as large as may be', {maxSourceBytes: 4096}, {}],
  ['read-only', {access: 'read-only'}, {readOnly: true}],
  ['a directory', {sourceKinds: ['directory']}, {source: {kind: 'directory'}}],
])('%s fits', (_what, more, given) => {
  const only = rule(more);
  expect(ask([only], given)).toMatchObject({allowed: true, origin: only.origin});
});

test('the first rule that fits decides; what was before it is told, what is behind it is not looked at', () => {
  const rules = [rule({users: ['bob']}), rule({access: 'read-only'}), rule({}), rule({})];
  const decision = ask(rules);
  expect(decision).toMatchObject({allowed: true, origin: rules[2]!.origin});
  expect(decision.considered.map(({origin}) => origin)).toEqual(rules.slice(0, 3).map(({origin}) => origin));
});

test('of several rules that do not fit the one that got furthest is named', () => {
  const rules = [rule({users: ['bob']}), rule({targets: ['/media/*']}), rule({sources: ['/srv/*']})];
  const decision = ask(rules);
  expect(decision.origin).toEqual(rules[1]!.origin);
  expect(decision.reason).toMatch(/^no rule fits; the nearest: the target/);
});

test('nothing is allowed where nobody says so, to root neither, and the sentence names the file to write', () => {
  const policy = loadPolicy('xfs', '/nonexistent');
  for (const uid of [0, 1000]) {
    const decision = decide(policy, facts({caller: {uid}}), accounts);
    expect(decision).toMatchObject({allowed: false, considered: []});
    expect(decision.reason).toContain('/nonexistent/xfs.toml');
  }
});

test('what ships allows root alone', () => {
  expect(decide(shipped, facts({caller: {uid: 0}}), accounts).allowed).toBe(true);
  expect(decide(shipped, facts(), accounts).allowed).toBe(false);
});

test('forbidden options refuse whatever a rule says', () => {
  const origins = {...shipped.origins, forbid_options: {file: 'defaults.toml', line: 7}};
  const settings = {forbidOptions: ['exec'], origins};
  const decision = ask([rule({})], {options: [{key: 'ro'}, {key: 'exec'}] as never}, settings);
  expect(decision).toMatchObject({allowed: false, origin: {file: 'defaults.toml', line: 7}});
  expect(decision.reason).toBe('option "exec" is forbidden');
});

test('forced options make a mount read-only for a rule that wants it', () => {
  const decision = ask([rule({access: 'read-only'})], {}, {forceOptions: ['ro', 'noexec']});
  expect(decision.allowed).toBe(true);
  expect(decision.forced).toEqual(['nosuid', 'nodev', 'ro', 'noexec']);
});

test('users get nosuid and nodev, root only what policy forces', () => {
  expect(ask([rule({})]).forced).toEqual(['nosuid', 'nodev']);
  expect(ask([rule({users: ['root']})], {caller: {uid: 0}}).forced).toEqual([]);
});

test.each(['proc', 'fuse', '0x1234'])('users may not mount on %s, root may', (fsType) => {
  const decision = ask([rule({users: ['*']})], {target: {fsType}});
  expect(decision).toMatchObject({allowed: false, origin: shipped.origins['target_file_systems']});
  expect(decision.reason).toContain(fsType);
  expect(ask([rule({users: ['*']})], {target: {fsType}, caller: {uid: 0}}).allowed).toBe(true);
});

test('users may share a mount only where policy says so', () => {
  const options = [{key: 'allow_other'}] as never;
  expect(ask([rule({})], {options})).toMatchObject({
    allowed: false,
    origin: shipped.origins['allow_other_users'],
  });
  expect(ask([rule({})], {options}, {allowOtherForUsers: true}).allowed).toBe(true);
  expect(ask([rule({})], {options}, {allowOtherForUsers: true, allowOther: false}).allowed).toBe(false);
});

test('settings for users leave out what is for root', () => {
  const open = {...shipped, allowDev: true, allowSuid: true};
  expect(settingsFor(open, 1000)).toMatchObject({allowDev: false, allowSuid: false, allowOther: false});
  expect(settingsFor(open, 0)).toBe(open);
  expect(settingsFor({...open, allowOtherForUsers: true}, 1000).allowOther).toBe(true);
});

test.each([['**'], ['h:/srv']])('a name that %s fits is for root alone', (pattern) => {
  const rules = [rule({users: ['*'], sourceKinds: ['name'], sources: [pattern]})];
  const source = {kind: 'name', path: 'h:/srv'} as const;
  expect(ask(rules, {source, caller: {uid: 0}})).toMatchObject({allowed: true});
  expect(ask(rules, {source})).toMatchObject({allowed: false, reason: 'only root may mount what is named'});
});
