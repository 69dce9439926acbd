import {chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {
  isTypeName,
  loadPolicy,
  PolicyError,
  PolicySet,
  readHeldFile,
  SHIPPED_DIRECTORY,
} from '../../../src/policy/index.js';

const isRoot = process.getuid?.() === 0;
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-policy-'));
});
afterEach(() => rmSync(directory, {recursive: true, force: true}));

function write(name: string, text: string, mode = 0o644): void {
  writeFileSync(join(directory, name), text);
  chmodSync(join(directory, name), mode);
}

test('a file that was changed is read anew, whatever was read of it before', () => {
  write('ext4.toml', 'deadline_seconds = 1\n');
  expect(loadPolicy('ext4', directory).deadlineMs).toBe(1000);
  write('ext4.toml', 'deadline_seconds = 2\n');
  expect(loadPolicy('ext4', directory).deadlineMs).toBe(2000);
  write('ext4.toml', 'deadline_seconds = "soon"\n');
  expect(() => loadPolicy('ext4', directory)).toThrow(PolicyError);
  expect(() => loadPolicy('ext4', directory)).toThrow(PolicyError);
  rmSync(join(directory, 'ext4.toml'));
  expect(loadPolicy('ext4', directory).deadlineMs).toBe(30_000);
});

test('without any file the shipped defaults hold, every key of them', () => {
  const {allow, ownFile, origins, ...settings} = loadPolicy('ext4', directory);
  expect(settings).toEqual({
    loop: 'always',
    directIo: false,
    blockSize: 0,
    iomap: 'allow',
    transport: 'device',
    fuseblk: false,
    allowDev: false,
    allowSuid: false,
    allowOther: true,
    allowOtherForUsers: false,
    forceOptions: [],
    forbidOptions: [],
    maxMountsPerUser: 16,
    targetFileSystems: expect.arrayContaining(['ext4', 'tmpfs', 'xfs']),
    readAheadBytes: 1_048_576,
    deadlineMs: 30_000,
    onServerDeath: 'detach',
    slowRequestMs: 5_000,
    requestDeadlineMs: 0,
    unresponsiveMs: 1_000,
    server: {
      driver: 'any',
      uidBase: 0x74000000,
      uidCount: 65_536,
      cacheBytes: 2 ** 24,
      busyPollMicroseconds: 50,
      memoryBytes: 2 ** 30,
      tasks: 32,
      cpuPercent: 0,
      jitless: false,
      pool: 0,
      way: 'auto',
      environment: {},
      network: 'none',
      grants: [],
      state: false,
      secrets: {},
      asRoot: false,
      observe: false,
    },
    containment: {required: []},
  });
  expect(allow).toEqual([
    {
      origin: {file: join(SHIPPED_DIRECTORY, 'ext4.toml'), line: 4},
      users: ['root'],
      groups: [],
      sources: ['**'],
      sourceKinds: ['file', 'block'],
      sourceOwner: 'anyone',
      maxSourceBytes: null,
      members: [],
      targets: ['**'],
      targetOwner: 'anyone',
      access: 'read-write',
    },
  ]);
  expect(ownFile).toBe(join(directory, 'ext4.toml'));
  expect(origins['allow']).toEqual(allow[0]?.origin);
  const lines = readFileSync(join(SHIPPED_DIRECTORY, 'defaults.toml'), 'utf8').split('\n');
  for (const [key, {file, line}] of Object.entries(origins)) {
    if (key === 'allow') continue;
    expect(file).toBe(join(SHIPPED_DIRECTORY, 'defaults.toml'));
    expect(lines[line - 1]).toMatch(new RegExp(`^${key.split('.').at(-1)} = `));
  }
});

test.each(['ext2', 'ext3', 'ext4', 'raw', 'stripefs', undefined])('type %s ships with rules', (type) => {
  expect(loadPolicy(type, directory).allow.map(({users}) => users)).toEqual([['root']]);
});

test.each(['xfs', 'EXT4', '../ext4', ''])('nobody may mount %j, which no file is for', (type) => {
  expect(loadPolicy(type, directory).allow).toEqual([]);
});

describe.skipIf(!isRoot)('files of the administrator (needs root, whom they must belong to)', () => {
  test('change single keys, the type over the defaults', () => {
    write('defaults.toml', 'loop = "never"\ndeadline_seconds = 2.5\n[server]\ncache_bytes = 1048576\n');
    write('ext4.toml', 'loop = "auto"\n[server]\nuid_count = 7\n');
    const policy = loadPolicy('ext4', directory);
    expect(policy).toMatchObject({loop: 'auto', deadlineMs: 2500, allowOther: true});
    expect(policy.server).toMatchObject({cacheBytes: 1_048_576, uidCount: 7, uidBase: 0x74000000});
    expect(loadPolicy('xfs', directory).loop).toBe('never');
  });

  test.each([
    ['a key that is not known', 'lop = "never"', 'lop is not known'],
    ['a key in a table that is not known', '[server]\nuid = 1', 'server.uid is not known'],
    [
      'a word that is not one of the choices',
      'loop = "sometimes"',
      'loop must be one of "always", "auto", "never"',
    ],
    ['a text for a yes or no', 'allow_dev = "yes"', 'allow_dev must be true or false'],
    [
      'a deadline of nothing',
      'deadline_seconds = 0',
      'deadline_seconds must be a number of seconds from 1 to 3600',
    ],
    [
      'a fate that is not one of the choices',
      'on_server_death = "restart"',
      'on_server_death must be one of "detach", "keep"',
    ],
    ['user ids of people', '[server]\nuid_base = 1000', 'server.uid_base must be a whole number from 65536'],
    ['a number that is none', '[server]\ncache_bytes = nan', 'server.cache_bytes must be a whole number'],
    ['a value for a table', 'server = 3', 'server must be a table'],
    ['text that is not TOML', 'loop = = 3', 'ext4.toml:1:8'],
    ['a prototype key', '__proto__ = 1', '__proto__ is not known'],
  ])('%s is refused, naming it', (_what, text, reason) => {
    write('ext4.toml', text);
    expect(() => loadPolicy('ext4', directory)).toThrow(PolicyError);
    expect(() => loadPolicy('ext4', directory)).toThrow(reason);
  });

  const rule = (user: string) => `[[allow]]\nusers = ["${user}"]\nsources = ["**"]\ntargets = ["**"]\n`;
  const usersOf = (type?: string) => loadPolicy(type, directory).allow.flatMap(({users}) => users);

  test('rules of a file replace those before it, and what is left out of a rule is narrow', () => {
    write('defaults.toml', rule('ada'));
    expect([usersOf('ext4'), usersOf('nobodys'), usersOf()]).toEqual([['ada'], ['ada'], ['ada']]);
    write('ext4.toml', `${rule('bob')}${rule('1001')}`);
    expect(usersOf('ext4')).toEqual(['bob', '1001']);
    expect(usersOf('ext3')).toEqual(['ada']);
    const [first, second] = loadPolicy('ext4', directory).allow;
    expect(first).toMatchObject({
      ...{groups: [], sourceKinds: ['file', 'block'], sourceOwner: 'caller', maxSourceBytes: null},
      ...{targetOwner: 'caller', access: 'read-only', origin: {file: join(directory, 'ext4.toml'), line: 1}},
    });
    expect(second?.origin.line).toBe(5);
    write('ext4.toml', 'allow = []\n');
    expect(usersOf('ext4')).toEqual([]);
  });

  test('"defaults" is no type, so its file gives nobody rules of its own', () => {
    const {ownFile, allow} = loadPolicy('defaults', directory);
    expect({ownFile, allow}).toEqual({ownFile: undefined, allow: []});
  });

  test('each setting knows who said it', () => {
    write('defaults.toml', '\nloop = "auto"\ndirect_io = true\n');
    write('ext4.toml', '# mine\n\nloop = "never"\nserver.tasks = 64\n');
    const {origins} = loadPolicy('ext4', directory);
    expect(origins['loop']).toEqual({file: join(directory, 'ext4.toml'), line: 3});
    expect(origins['direct_io']).toEqual({file: join(directory, 'defaults.toml'), line: 3});
    expect(origins['server.tasks']).toEqual({file: join(directory, 'ext4.toml'), line: 4});
    expect(origins['iomap']?.file).toBe(join(SHIPPED_DIRECTORY, 'defaults.toml'));
  });

  test('everything that is wrong in all files is told at once, in order', () => {
    write('defaults.toml', 'iomp = "allow"\n');
    write('ext4.toml', `deadline_seconds = 0\n[server]\ntask = 9\n[[allow]]\nusers = []\nsources = ["x"]\n`);
    try {
      loadPolicy('ext4', directory);
      expect.unreachable();
    } catch (error) {
      const {problems} = error as PolicyError;
      expect(
        problems.map(({file, line, key}) => `${file.slice(directory.length + 1)}:${line} ${key}`),
      ).toEqual([
        'defaults.toml:1 iomp',
        'ext4.toml:1 deadline_seconds',
        'ext4.toml:3 server.task',
        'ext4.toml:4 allow',
        'ext4.toml:6 allow.sources',
      ]);
      expect(problems.map(({reason}) => reason)).toEqual([
        expect.stringContaining('did you mean iomap?'),
        'must be a number of seconds from 1 to 3600',
        expect.stringContaining('did you mean tasks?'),
        'needs targets',
        expect.stringContaining('must be a list of patterns'),
      ]);
    }
  });

  test('a set of files stays as it was when they change, and is read as a whole or not at all', () => {
    write('ext4.toml', 'loop = "never"\n');
    const set = PolicySet.read(directory);
    write('ext4.toml', 'loop = "auto"\n');
    write('raw.toml', 'lop = 1\n');
    expect(set.of('ext4').loop).toBe('never');
    expect(set.of('raw').loop).toBe('always');
    expect(() => PolicySet.read(directory)).toThrow(`${join(directory, 'raw.toml')}:1: lop`);
    const {set: salvaged, problems} = PolicySet.salvage(directory);
    expect([salvaged.of('ext4').loop, problems.length]).toEqual(['auto', 1]);
    // Another process reads the same of it, with the places where it was said.
    const held = join(directory, 'held.json');
    writeFileSync(held, set.encode(), {mode: 0o600});
    expect(loadPolicy('ext4', readHeldFile(held))).toEqual(set.of('ext4'));
    chmodSync(held, 0o666);
    expect(() => readHeldFile(held)).toThrow('must belong to root');
  });

  test('a file that others can write is not believed', () => {
    write('ext4.toml', 'allow_suid = true\n', 0o666);
    expect(() => loadPolicy('ext4', directory)).toThrow('must belong to root and be writable by root alone');
  });

  test('a directory that others can write is not believed, whatever is in it', () => {
    chmodSync(directory, 0o777);
    expect(() => loadPolicy('ext4', directory)).toThrow(`${directory}: must belong to root`);
    chmodSync(directory, 0o755);
    chownSync(directory, 1000, 0);
    expect(() => loadPolicy('ext4', directory)).toThrow(`${directory}: must belong to root`);
    chownSync(directory, 0, 0);
    expect(loadPolicy('ext4', directory).loop).toBe('always');
  });

  test('something that is not a file is not read', () => {
    mkdirSync(join(directory, 'ext4.toml'));
    expect(() => loadPolicy('ext4', directory)).toThrow('is not a regular file');
  });
});

test.each(['../ext4', 'ext4/..', '.ext4', 'EXT4', '', 'a'.repeat(33), 'ext4\n'])(
  '%j is no type name',
  (type) => {
    expect(isTypeName(type)).toBe(false);
  },
);
