import {describe, expect, test} from 'vitest';
import type {Containment} from '../../../src/launch/containment.js';
import {lackingOf, type SealState, sealLine, sealOf, sealOfUnknown} from '../../../src/launch/seal.js';
import type {Expected} from '../../../src/launch/seal-judges.js';
import {CONTAINMENT_POINTS, type ContainmentPoint} from '../../../src/policy/index.js';

/** A server of the embedded launcher, as /proc shows it, in a control group that someone made for it. */
const HELD: Containment = {
  ...{pid: 4041, start: '77', parentPid: 4040, threads: 9, residentBytes: 7e7, dataBytes: 1e7},
  ...{uid: 61_000, gid: 61_000, uids: [61_000], gids: [61_000], groups: [], account: undefined},
  ...{neighbours: [4040], capabilities: [], boundingCapabilities: [], noNewPrivs: true, seccompFilters: 1},
  ownNamespaces: ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'],
  sharedNamespaces: [],
  descriptors: {
    ...{'/dev/null': 1, '/memfd:fuseward-log': 2, 'anon_inode:[eventpoll]': 4, pipe: 10, '/dev/fuse': 1},
    ...{'unix socket': 2, 'own root directory': 1, '/images/a.img': 1, '/dev/loop3': 1},
  },
  kin: [4040],
  writableFiles: ['/dev/fuse', '/memfd:fuseward-log'],
  visibleDescriptors: [],
  connections: [41],
  visibleFiles: ['/'],
  limits: {},
  hardLimits: {openFiles: 64, processes: 32, dataBytes: 2 ** 30, fileBytes: 262_144, coreBytes: 0},
  cgroup: {unit: undefined, path: '/servers/41', sharedWith: [4040], memoryBytes: 2 ** 28, tasks: 32},
  code: {files: ['/usr/bin/node'], writable: 2, anonymous: 2},
};

const EXPECTED: Expected = {
  ...{callerUid: 0, embedded: true, sourcePath: '/images/a.img', loopDevice: '/dev/loop3', readOnly: true},
  ...{connection: 41, reported: {landlock: 7, systemCalls: 57}},
};

const states = (held: Containment, expected: Expected): Record<string, SealState> =>
  Object.fromEntries(sealOf(held, expected).map(({point, state}) => [point, state]));

test('a server that has it all: each point is verified, but for landlock, which no kernel shows', () => {
  const all = Object.fromEntries(CONTAINMENT_POINTS.map((point) => [point, 'verified']));
  expect(states(HELD, EXPECTED)).toEqual({...all, landlock: 'reported'});
  expect(sealLine(sealOf(HELD, EXPECTED))).toBe('8 of 9 points verified, landlock reported by the server');
});

const lacking: Array<[what: string, point: ContainmentPoint, held: Partial<Containment>, says: RegExp]> = [
  ['root', 'user', {uid: 0, uids: [0], neighbours: []}, /user id of root/],
  ['a saved id of root', 'user', {uids: [61_000, 0]}, /root.*change between/],
  ['the group of root', 'user', {gid: 0, gids: [0]}, /group id of root/],
  ['an account of the machine', 'user', {account: 'daemon'}, /is an account \(daemon\)/],
  ['a group of others', 'user', {groups: [61_000, 6]}, /in the groups 6$/],
  ['someone else under its id', 'user', {neighbours: [4040, 5000]}, /other processes too \(5000\)/],
  ['a capability', 'capabilities', {capabilities: [21]}, /capabilities \(21\)/],
  ['a way to privileges', 'no-new-privileges', {noNewPrivs: false}, /may give it privileges/],
  ['a thread without a filter', 'seccomp', {seccompFilters: 0}, /not every thread/],
  ['the network', 'namespaces', {sharedNamespaces: ['net', 'pid']}, /shares net, pid with the machine/],
  ['a file', 'descriptors', {descriptors: {...HELD.descriptors, '/etc/shadow': 1}}, /holds \/etc\/shadow$/],
  ['a raw socket', 'descriptors', {descriptors: {...HELD.descriptors, 'TCP socket': 1}}, /holds TCP socket$/],
  ['a directory of others', 'descriptors', {descriptors: {...HELD.descriptors, '/': 1}}, /holds \/$/],
  ['no fuse device', 'descriptors', {descriptors: {pipe: 2}}, /not the one who serves/],
  ["another mount's device", 'descriptors', {connections: [41, 42]}, /another mount/],
  ['its image to write', 'descriptors', {writableFiles: ['/images/a.img']}, /write to \/images\/a\.img/],
  ['a million descriptors', 'limits', {hardLimits: {...HELD.hardLimits, openFiles: 2 ** 20}}, /4096 desc/],
  ['a file without end', 'limits', {hardLimits: {...HELD.hardLimits, fileBytes: null}}, /files without end/],
  ['core dumps', 'limits', {hardLimits: {...HELD.hardLimits, coreBytes: null}}, /core dumps/],
  ["the machine's cgroup", 'cgroup', {cgroup: {...HELD.cgroup, path: '/'}}, /no control group.*1 GiB holds/],
  ['company there', 'cgroup', {cgroup: {...HELD.cgroup, sharedWith: [4040, 1]}}, /no control group/],
  [
    'no memory limit',
    'cgroup',
    {cgroup: {...HELD.cgroup, memoryBytes: null}},
    /no memory limit; RLIMIT_DATA/,
  ],
  ['no task limit', 'cgroup', {cgroup: {...HELD.cgroup, tasks: null}}, /no limit of tasks/],
];
for (const [what, point, changes, says] of lacking) {
  test(`${what}: ${point} is missing, and nothing else`, () => {
    const seal = sealOf({...HELD, ...changes}, EXPECTED);
    expect(seal.filter(({state}) => state === 'missing').map((each) => each.point)).toEqual([point]);
    expect(seal.find((each) => each.point === point)?.detail).toMatch(says);
    expect(lackingOf(seal, [point])).toHaveLength(1);
    expect(
      lackingOf(
        seal,
        CONTAINMENT_POINTS.filter((each) => each !== point),
      ),
    ).toEqual([]);
  });
}

describe('what is expected decides too', () => {
  test('a filter that it was started with is none of its own', () => {
    expect(states(HELD, {...EXPECTED, firstFilters: 1})['seccomp']).toBe('missing');
    expect(states({...HELD, seccompFilters: 2}, {...EXPECTED, firstFilters: 1})['seccomp']).toBe('verified');
  });

  test('a parent under the same user is bubblewrap only where we started it', () => {
    expect(states(HELD, {...EXPECTED, embedded: false})).toMatchObject({user: 'missing', cgroup: 'missing'});
  });

  test('the caller may not be its user', () => {
    expect(states(HELD, {...EXPECTED, callerUid: 61_000})['user']).toBe('missing');
  });

  test('a writable image belongs to a writable mount', () => {
    const held = {...HELD, writableFiles: ['/images/a.img']};
    expect(states(held, {...EXPECTED, readOnly: false})['descriptors']).toBe('verified');
  });

  test('another image is none of its', () => {
    expect(states(HELD, {...EXPECTED, sourcePath: '/images/b.img'})['descriptors']).toBe('missing');
  });

  test('a server that says nothing of landlock, or that there is none', () => {
    expect(states(HELD, {...EXPECTED, reported: undefined})['landlock']).toBe('missing');
    const none = {landlock: 0, systemCalls: 57};
    expect(states(HELD, {...EXPECTED, reported: none})['landlock']).toBe('missing');
  });

  test('a control group stands in for limits of memory and processes', () => {
    const held = {...HELD, hardLimits: {...HELD.hardLimits, dataBytes: null, processes: null}};
    expect(states(held, EXPECTED)['limits']).toBe('verified');
    const none = {...HELD.cgroup, memoryBytes: null, tasks: null};
    expect(states({...held, cgroup: none}, EXPECTED)).toMatchObject({limits: 'missing', cgroup: 'missing'});
  });
});

test('names that a server chose can not act upon a terminal, or fill it', () => {
  const evil = `/tmp/\x1b[2J\u202e${'x'.repeat(4000)}`;
  const held = {...HELD, descriptors: Object.fromEntries([...'abcdef'].map((each) => [evil + each, 1]))};
  const {detail} = sealOf(held, EXPECTED).find(({point}) => point === 'descriptors')!;
  expect(detail).not.toMatch(/\p{C}/u);
  expect(detail.length).toBeLessThan(1200);
  expect(detail).toMatch(/ and 2 more$/);
});

test('of a server that nobody could look at nothing is claimed', () => {
  const seal = sealOfUnknown('its process is gone');
  expect(lackingOf(seal, CONTAINMENT_POINTS)).toHaveLength(CONTAINMENT_POINTS.length);
  expect(sealLine(seal)).toBe('0 of 9 points verified; all others missing: its process is gone');
});

describe('a program of others', () => {
  const held: Containment = {
    ...HELD,
    parentPid: 4042,
    neighbours: [4040, 4042, 4043],
    kin: [4040, 4042, 4043],
    descriptors: {
      ...{'/dev/fuse': 1, 'stand-in for /dev/fuse': 1, '/fuseward/source': 1, '/dev/urandom': 1},
      ...{'/usr/share/zoneinfo/UTC': 1, 'anon_inode:inotify': 1},
    },
    writableFiles: ['/dev/fuse'],
    visibleDescriptors: ['/usr/share/zoneinfo/UTC', '/fuseward/source', '/dev/urandom', '/dev/fuse'],
    cgroup: {...HELD.cgroup, sharedWith: [4040, 4042, 4043]},
  };
  const expected: Expected = {...EXPECTED, foreign: true, loopDevice: undefined};

  test('has processes of its own, files of its sandbox, and the source by whatever way', () => {
    const all = Object.fromEntries(CONTAINMENT_POINTS.map((point) => [point, 'verified']));
    expect(states(held, expected)).toEqual({...all, landlock: 'reported'});
  });

  test('as a server of ours would be held to less of it', () => {
    expect(states(held, {...expected, foreign: false})).toMatchObject({
      user: 'missing',
      descriptors: 'missing',
    });
  });

  test.each<[what: string, point: ContainmentPoint, held: Partial<Containment>, expected: Partial<Expected>]>(
    [
      ['a stranger under its id', 'user', {neighbours: [4040, 5000]}, {}],
      ['a file that it does not see', 'descriptors', {descriptors: {'/dev/fuse': 1, '/etc/shadow': 1}}, {}],
      ["a directory that is nobody's root", 'descriptors', {descriptors: {'/dev/fuse': 1, '/': 1}}, {}],
      ['a stand-in alone', 'descriptors', {descriptors: {'stand-in for /dev/fuse': 1}}, {}],
      ['the source to write', 'descriptors', {writableFiles: ['/fuseward/source']}, {}],
      ['files without end', 'limits', {hardLimits: {...HELD.hardLimits, fileBytes: null}}, {}],
    ],
  )('%s: %s is missing, and nothing else', (_what, point, changes, more) => {
    const seal = sealOf({...held, ...changes}, {...expected, ...more});
    expect(seal.filter(({state}) => state === 'missing').map((each) => each.point)).toEqual([point]);
  });

  test('may hold sockets of the network that it was granted, of no other kind, and of none without', () => {
    const talks = {...held, descriptors: {...held.descriptors, 'TCP socket': 2, 'UDPv6 socket': 1}};
    expect(states(talks, {...expected, network: true})['descriptors']).toBe('verified');
    expect(states(talks, expected)['descriptors']).toBe('missing');
    expect(states(talks, {...expected, foreign: false, network: true})['descriptors']).toBe('missing');
    const raw = {...held, descriptors: {...held.descriptors, 'RAW socket': 1}};
    expect(states(raw, {...expected, network: true})['descriptors']).toBe('missing');
  });

  test('may write files of any size where the mount is writable', () => {
    const without = {...held, hardLimits: {...HELD.hardLimits, fileBytes: null}};
    expect(states(without, {...expected, readOnly: false})['limits']).toBe('verified');
  });
});
