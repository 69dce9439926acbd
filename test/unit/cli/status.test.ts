import {describe, expect, test} from 'vitest';
import {type Knowledge, statusReport} from '../../../src/cli/status/report.js';
import type {Containment} from '../../../src/launch/containment.js';
import type {MountRecord} from '../../../src/launch/mount-record.js';
import type {MountStatus} from '../../../src/launch/mount-status.js';
import {type Seal, sealOfUnknown} from '../../../src/launch/seal.js';
import {mountView} from '../admin/fake-manager.js';

const CONTAINMENT: Containment = {
  ...{pid: 4041, uid: 61_000, gid: 61_000, capabilities: [], noNewPrivs: true, seccompFilters: 1, threads: 9},
  ...{
    ownNamespaces: ['user', 'mnt', 'net'],
    sharedNamespaces: ['time'],
    descriptors: {'/dev/fuse': 1, pipe: 2},
  },
  ...{visibleFiles: ['/', '/proc'], limits: {processes: 32, dataBytes: null}},
  ...{start: '77', uids: [61_000], gids: [61_000], groups: [], account: undefined, parentPid: 4040},
  ...{neighbours: [], boundingCapabilities: [], writableFiles: [], connections: [41], hardLimits: {}},
  visibleDescriptors: [],
  kin: [],
  cgroup: {unit: undefined, path: '/', sharedWith: [], memoryBytes: null, tasks: null},
  code: {files: ['/usr/bin/node'], writable: 2, anonymous: 2},
  ...{residentBytes: 75 * 2 ** 20, dataBytes: 0},
};

const RECORD: MountRecord = {
  ...{connectionId: 41, mountId: 441, source: '/images/41.img', target: '/mnt/41', type: 'ext4'},
  ...{options: [], readOnly: true, iomap: 'unsupported', kind: 'embedded', since: '2026-03-01T10:05:00.000Z'},
};

const SEAL: Seal = [
  {point: 'user', state: 'verified', detail: 'user 61000 alone', source: '/proc/PID/status'},
  {point: 'landlock', state: 'reported', detail: 'ABI 7', source: 'report of the server'},
  {
    point: 'cgroup',
    state: 'missing',
    detail: 'it has no control group of its own',
    source: '/proc/PID/cgroup',
  },
];

function kernel(changes: Partial<MountStatus> = {}): MountStatus {
  return {
    places: ['/mnt/41'],
    ...{target: '/mnt/41', source: '/images/41.img', fsType: 'fuse.ext4', options: ['ro', 'nosuid']},
    ...{mountId: 441, connectionId: 41, waiting: 3, record: undefined, loop: undefined},
    containment: CONTAINMENT,
    seal: SEAL,
    log: '',
    ...changes,
  };
}

const nothing: Knowledge = {
  ...{status: undefined, counters: undefined, state: undefined, managed: undefined},
  privileged: true,
};

function report(known: Partial<Knowledge>): string {
  return statusReport({...nothing, ...known}).join('\n');
}

const state = {queueDepth: 0, oldestMs: 0, held: 0, frozen: false, shutDown: false};

describe('the status of a mount', () => {
  test('by the kernel alone', () => {
    const text = report({status: kernel()});
    expect(text).toContain('/mnt/41: /images/41.img\ntype fuse.ext4\noptions: ro,nosuid\n');
    expect(text).toContain('kernel: connection 41, 3 requests waiting');
    expect(text).toContain('server: process 4041, user 61000, 75M resident, 9 threads');
    expect(text).toContain(
      'seal: 1 of 3 points verified, landlock reported by the server; cgroup missing: it has no control group of its own\n',
    );
    expect(text).toMatch(/^ {2}\+ verified user +user 61000 alone \(\/proc\/PID\/status\)$/m);
    expect(text).toMatch(/^ {2}~ reported landlock +ABI 7/m);
    expect(text).toMatch(/^ {2}- missing {2}cgroup/m);
    expect(text).toContain('sees:   2 mounts of its own, and none of ours');
    expect(text).toContain('runs:   node; 2 pieces of memory writable and executable');
    expect(text).not.toContain('health');
  });

  test('of a server that is not contained claims nothing', () => {
    const loose: Containment = {...CONTAINMENT, ownNamespaces: []};
    const seal = sealOfUnknown('its process is gone');
    const text = report({status: kernel({containment: loose, seal})});
    expect(text).toContain('seal: 0 of 9 points verified; all others missing: its process is gone\n');
    expect(text).toContain('sees:   the same mounts as we do');
  });

  test('of a server that can not be looked at says why', () => {
    const seal = sealOfUnknown("its process can't be looked at: permission denied");
    const text = report({status: kernel({containment: undefined, seal})});
    expect(text).toContain("server: it can't be looked at\nseal: 0 of 9 points verified; all others missing");
  });

  const servers: Array<[what: string, known: Partial<Knowledge>, says: string]> = [
    [
      'we may not look',
      {status: kernel({containment: undefined, seal: undefined}), privileged: false},
      'only root can look at it',
    ],
    ['it is foreign', {status: kernel({containment: undefined, seal: undefined})}, 'not one of ours'],
    [
      'it was ours and is gone',
      {status: kernel({containment: undefined, seal: undefined, record: RECORD})},
      'gone; everything on the mount fails, and "fuseward umount" ends it',
    ],
    [
      'only the manager may look',
      {
        status: kernel({containment: undefined, seal: undefined}),
        managed: {mount: mountView('41'), stats: undefined},
        privileged: false,
      },
      'process 4041, user 61000',
    ],
  ];
  for (const [what, known, says] of servers) {
    test(`of a server where ${what}`, () => expect(report(known)).toContain(`server: ${says}`));
  }

  test('by the manager', () => {
    const mount = mountView('41', {health: 'slow', connected: false, frozen: true});
    expect(report({status: kernel(), managed: {mount, stats: undefined}})).toContain(
      'health: slow: a request is older than it should be\n' +
        'manager: no channel to the server, changes are held (frozen)\n',
    );
  });

  test('of a request that takes long', () => {
    expect(report({status: kernel(), state: {...state, queueDepth: 2, oldestMs: 12_340}})).toContain(
      'at the server: 2 requests, the oldest for 12.3s',
    );
    expect(report({status: kernel(), state: {...state, shutDown: true}})).toContain(
      'at the server: 0 requests, and everything is answered with EIO (shutdown)',
    );
  });

  test('holds nothing that a terminal would act upon', () => {
    const evil = '\x1b[2J\u202e\n';
    const status = kernel({
      ...{
        target: `/mnt/${evil}`,
        source: evil,
        fsType: evil,
        options: [evil],
        log: `${evil}${'x'.repeat(9999)}`,
      },
      loop: {device: '/dev/loop0', backingFile: evil},
      containment: {...CONTAINMENT, descriptors: {[evil]: 1}},
      seal: [{point: 'descriptors', state: 'missing', detail: `it holds ${evil}`, source: evil}],
    });
    const lines = statusReport({...nothing, status});
    for (const line of lines) expect(line).not.toMatch(/\p{C}/u);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(600);
  });
});
