import {describe, expect, test} from 'vitest';
import type {CommandNetwork} from '../../../src/control/command-plan.js';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import {foreignSystemCalls, passingCount} from '../../../src/sys/foreign-calls.js';
import {buildFilter} from '../../../src/sys/seccomp.js';
import {
  SYSCALL_NAMES,
  type SyscallArchitecture,
  type SyscallName,
  syscallNumber,
} from '../../../src/sys/syscall-numbers.js';
import {runFilter} from './bpf-machine.js';

const ALLOW = 0x7fff0000;
const NOTIFY = 0x7fc00000;
const KILL = 0x80000000;
const error = (code: keyof typeof ERRNO): number => 0x00050000 | ERRNO[code];
const AUDIT = {x64: 0xc000003e, arm64: 0xc00000b7} as const;

function filterOf(network: CommandNetwork, arch: SyscallArchitecture): Uint8Array {
  return buildFilter(foreignSystemCalls(network, 'notify'), {defaultAction: {errno: 'ENOSYS'}, arch}).bytes;
}

const FILTERS = new Map(
  (['x64', 'arm64'] as const).map((arch) => [
    arch,
    {none: filterOf('none', arch), host: filterOf('host', arch), list: filterOf(['peer:22'], arch)},
  ]),
);

function verdict(
  name: SyscallName,
  args: readonly number[] = [],
  network: 'none' | 'host' | 'list' = 'none',
  arch: SyscallArchitecture = 'x64',
): number | undefined {
  const nr = syscallNumber(name, arch);
  if (nr === undefined) return undefined;
  const words = [0, 1, 2, 3, 4, 5].map((index) => BigInt.asUintN(64, BigInt(args[index] ?? 0)));
  return runFilter(FILTERS.get(arch)![network], {nr, arch: AUDIT[arch], args: words});
}

/** No program gets these through, whatever the arguments and the network. */
const NEVER: readonly SyscallName[] = [
  ...([
    'unshare',
    'setns',
    'pivot_root',
    'chroot',
    'clone3',
    'fsopen',
    'fsmount',
    'fsconfig',
    'fspick',
  ] as const),
  ...(['move_mount', 'open_tree', 'open_tree_attr', 'mount_setattr', 'statmount', 'listmount'] as const),
  ...([
    'init_module',
    'finit_module',
    'delete_module',
    'bpf',
    'perf_event_open',
    'ptrace',
    'userfaultfd',
  ] as const),
  ...([
    'process_vm_readv',
    'process_vm_writev',
    'pidfd_getfd',
    'open_by_handle_at',
    'add_key',
    'keyctl',
  ] as const),
  ...(['request_key', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'clock_settime'] as const),
  ...([
    'settimeofday',
    'reboot',
    'swapon',
    'swapoff',
    'kexec_load',
    'kexec_file_load',
    'syslog',
    'acct',
  ] as const),
  ...(['iopl', 'ioperm', 'modify_ldt', 'fanotify_init', 'quotactl', 'sethostname', 'memfd_secret'] as const),
];

describe.each(['x64', 'arm64'] as const)('calls of foreign programs on %s', (arch) => {
  test.each(NEVER)('%s never passes', (name) => {
    for (const network of ['none', 'host', 'list'] as const) {
      for (const args of [[], [0xffffffff, 0xffffffff, 0xffffffff]]) {
        const answer = verdict(name, args, network, arch);
        if (answer !== undefined) expect([error('EPERM'), error('ENOSYS')]).toContain(answer);
      }
    }
  });

  test('mount and umount2 are asked about', () => {
    expect(verdict('mount', [], 'none', arch)).toBe(NOTIFY);
    expect(verdict('umount2', [], 'none', arch)).toBe(NOTIFY);
  });

  test('no call that there is ends a program', () => {
    for (const name of SYSCALL_NAMES) expect(verdict(name, [], 'none', arch)).not.toBe(KILL);
  });

  const conditions: Array<[SyscallName, number[], 'none' | 'host' | 'list', number]> = [
    // Threads and processes, no namespaces.
    ['clone', [0x3d0f00], 'none', ALLOW],
    ['clone', [17], 'none', ALLOW],
    ...[0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000].map(
      (flag): [SyscallName, number[], 'none', number] => ['clone', [flag | 17], 'none', error('EPERM')],
    ),
    // Terminals.
    ['ioctl', [0, 0x5412], 'none', error('EPERM')],
    ['ioctl', [0, 0x541c], 'none', error('EPERM')],
    ['ioctl', [0, 0x5401], 'none', ALLOW],
    ['personality', [0xffffffff], 'none', ALLOW],
    ['personality', [0x0400000], 'none', error('EPERM')],
    ['seccomp', [1, 0], 'none', ALLOW],
    ['seccomp', [1, 8], 'none', error('EPERM')],
    ['seccomp', [3, 0], 'none', error('EPERM')],
    // AF_UNIX, INET, INET6; NETLINK, PACKET, ALG, VSOCK.
    ['socket', [1, 5, 0], 'none', ALLOW],
    ['socket', [2, 1, 0], 'none', error('EAFNOSUPPORT')],
    ['socket', [10, 1, 0], 'none', error('EAFNOSUPPORT')],
    ['socket', [2, 1, 0], 'host', ALLOW],
    ['socket', [10, 2, 17], 'host', ALLOW],
    ...[16, 17, 38, 40].flatMap(
      (family): Array<[SyscallName, number[], 'none' | 'host' | 'list', number]> => [
        ['socket', [family, 3, 0], 'none', error('EAFNOSUPPORT')],
        ['socket', [family, 3, 0], 'host', error('EAFNOSUPPORT')],
      ],
    ),
    // With peers TCP alone, and only by connect(2): neither UDP nor MPTCP nor fast open.
    ['socket', [2, 0o2004001, 6], 'list', ALLOW],
    ['socket', [2, 2, 0], 'list', error('EAFNOSUPPORT')],
    ['socket', [2, 1, 262], 'list', error('EAFNOSUPPORT')],
    ['sendto', [4, 0, 0, 0x20004000], 'list', error('EOPNOTSUPP')],
    ['sendmsg', [4, 0, 0x20000000], 'list', error('EOPNOTSUPP')],
    ['sendmmsg', [4, 0, 1, 0x20000000], 'list', error('EOPNOTSUPP')],
    ['sendto', [4, 0, 0, 0x4000], 'list', ALLOW],
  ];
  test.each(conditions)('%s %j, network %s', (name, args, network, answer) => {
    expect(verdict(name, args, network, arch)).toBe(answer);
  });
});

test('calls of 32-bit programs end them, since their numbers mean something else', () => {
  const args = [0n, 0n, 0n, 0n, 0n, 0n];
  expect(runFilter(FILTERS.get('x64')!.host, {nr: 4, arch: 0x40000003, args})).toBe(KILL);
  expect(runFilter(FILTERS.get('x64')!.host, {nr: 0x40000000 | 1, arch: AUDIT.x64, args})).toBe(KILL);
});

test('numbers that nobody knows yet do not exist', () => {
  const args = [0n, 0n, 0n, 0n, 0n, 0n];
  expect(runFilter(FILTERS.get('x64')!.host, {nr: 999, arch: AUDIT.x64, args})).toBe(error('ENOSYS'));
});

test('what passes is counted', () => {
  const count = passingCount(foreignSystemCalls('none', 'errno'));
  expect(count).toBeGreaterThan(200);
  expect(count).toBeLessThan(320);
});
