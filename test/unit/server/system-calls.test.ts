import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {
  ALLOWED_COUNT,
  allowedSystemCalls,
  iomapSystemCalls,
  ringSystemCalls,
} from '../../../src/server/system-calls.js';
import {buildFilter} from '../../../src/sys/seccomp.js';
import {type SyscallName, syscallNumber} from '../../../src/sys/syscall-numbers.js';
import {CHECKOUT} from '../../support/checkout.js';
import {runFilter} from '../sys/bpf-machine.js';

const ALLOW = 0x7fff0000;
const TRAP = 0x00030000;
const ARCHITECTURES = {x64: 0xc000003e, arm64: 0xc00000b7} as const;
const PID = 4711;

const MASKS: ReadonlyArray<readonly [call: SyscallName, passes: number[], fails: number[]]> = [
  ['mmap', [0, 4096, 3, 0x22, -1, 0], [0, 4096, 7, 0x22, -1, 0]],
  ['mmap', [0, 4096, 0, 0x4022, -1, 0], [0, 4096, 1, 2, 5, 0]],
  ['clone', [0x3d0f00], [0x11]],
  ['clone', [0x10900], [0x10900 | 0x10000000]],
  ['tgkill', [PID, PID + 1, 12], [PID + 1, PID + 1, 12]],
  ['tgkill', [PID, PID, 6], [PID, PID, 9]],
  ['rt_sigaction', [6], [31]],
  ['rt_sigaction', [6], [11]],
  ['prctl', [15], [38]],
  ['ioctl', [5, 0x80081272], [5, 0x125f]],
  ['sendto', [4, 1, 1, 0, 0, 0], [4, 1, 1, 0, 4096, 16]],
  ['statx', [4, 0, 0x1000], [-100, 4096, 0]],
  ['accept4', [5, 0, 0, 0o2004000], [5, 0, 0, 0]],
  ['madvise', [0, 0, 4], [0, 0, 9]],
  ['mremap', [0, 0, 0, 1], [0, 0, 0, 3]],
  ['fcntl', [1, 1], [1, 4]],
];

for (const [arch, audit] of Object.entries(ARCHITECTURES) as Array<['x64' | 'arm64', number]>) {
  const verdict = (jitless: boolean, name: SyscallName, args: readonly number[]): number => {
    const rules = allowedSystemCalls({jitless, pid: PID});
    const {bytes} = buildFilter(rules, {defaultAction: 'trap', arch});
    const words = Array.from({length: 6}, (_, index) => BigInt.asUintN(64, BigInt(args[index] ?? 0)));
    return runFilter(bytes, {nr: syscallNumber(name, arch)!, arch: audit, args: words});
  };

  test.each(MASKS)(`on ${arch} %s passes with %j and not with %j`, (name, passes, fails) => {
    expect([verdict(false, name, passes), verdict(false, name, fails)]).toEqual([ALLOW, TRAP]);
  });

  test(`on ${arch} memory becomes executable only where there are compilers`, () => {
    for (const name of ['mprotect', 'pkey_mprotect'] as const) {
      expect(verdict(false, name, [0, 4096, 7])).toBe(ALLOW);
      expect(verdict(true, name, [0, 4096, 4])).toBe(TRAP);
      expect(verdict(true, name, [0, 4096, 3])).toBe(ALLOW);
    }
  });
}

describe('registering devices for iomap', () => {
  const FUSE = 9;
  const IOCTLS = {register: 0x4010e501, blockSize: 0x4008e566, blockSizeV6: 0x4008e563, noFs: 0x4004e564};
  const verdict = (args: readonly number[], iomapFd?: number): number => {
    const more = iomapFd === undefined ? [] : iomapSystemCalls(iomapFd);
    const rules = [...allowedSystemCalls({jitless: false, pid: PID}), ...more];
    const {bytes} = buildFilter(rules, {defaultAction: 'trap', arch: 'x64'});
    const words = Array.from({length: 6}, (_, index) => BigInt(args[index] ?? 0));
    return runFilter(bytes, {nr: syscallNumber('ioctl', 'x64')!, arch: ARCHITECTURES.x64, args: words});
  };

  test.each(Object.entries(IOCTLS))(
    '%s is allowed on the fuse device, where the kernel lets it use iomap',
    (_name, number) => {
      expect(verdict([FUSE, number], FUSE)).toBe(ALLOW);
      expect(verdict([FUSE, number])).toBe(TRAP);
      expect(verdict([FUSE + 1, number], FUSE)).toBe(TRAP);
    },
  );

  test('and nothing else of that device is', () => {
    // CLONE, BACKING_CLOSE, SYNC_INIT, IOMAP_SUPPORT, both ADD_IOMAP.
    for (const number of [0x8004e500, 0x4004e502, 0xe503, 0x8010e563, 0xe565, 0xe563]) {
      expect(verdict([FUSE, number], FUSE)).toBe(TRAP);
    }
    expect(verdict([5, 0x80081272], FUSE)).toBe(ALLOW);
  });
});

test('the list is as long as is promised, and the page about it has every call', () => {
  const page = readFileSync(join(CHECKOUT, 'docs/containment.md'), 'utf8');
  const table = page.slice(page.indexOf('## The filter'), page.indexOf('### In comparison'));
  const allowed = new Set<string>(allowedSystemCalls({jitless: false, pid: 1}).map(({syscall}) => syscall));
  for (const {syscall} of ringSystemCalls(3)) allowed.add(syscall);
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
  expect(new Set([...named, 'openat', 'clone3'])).toEqual(allowed);
  expect(ALLOWED_COUNT).toBeLessThanOrEqual(60);
  expect(page).toContain(`${ALLOWED_COUNT} system calls pass`);
});

test('a ring adds a call on that ring, and nothing that makes or changes one', () => {
  const rules = ringSystemCalls(31);
  expect(rules.map(({syscall}) => syscall)).toEqual(['io_uring_enter', 'sched_setaffinity']);
  const argsOf = (name: string) => rules.find(({syscall}) => syscall === name)!.args!;
  expect(argsOf('io_uring_enter')[0]).toMatchObject({index: 0, op: 'eq', value: 31});
  expect(argsOf('sched_setaffinity')).toMatchObject([{index: 0, value: 0}]);
});
