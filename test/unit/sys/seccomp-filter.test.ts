import assert from 'node:assert/strict';
import {test} from 'vitest';
import {
  buildFilter,
  type FilterOptions,
  type SeccompArgument,
  type SeccompRule,
} from '../../../src/sys/seccomp.js';
import {SYSCALL_NAMES, syscallName, syscallNumber} from '../../../src/sys/syscall-numbers.js';
import {runFilter} from './bpf-machine.js';

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const EPERM = 0x00050001;
const X64 = 0xc000003e;
const ARM64 = 0xc00000b7;

const options: FilterOptions = {defaultAction: 'errno', arch: 'x64'};

/** The verdict on a call of x86-64 with the first arguments given. */
function verdict(
  rules: SeccompRule[],
  nr: number,
  args: Array<number | bigint> = [],
  opts = options,
): number {
  const words = [0, 1, 2, 3, 4, 5].map((index) => BigInt.asUintN(64, BigInt(args[index] ?? 0)));
  return runFilter(buildFilter(rules, opts).bytes, {
    nr,
    arch: opts.arch === 'arm64' ? ARM64 : X64,
    args: words,
  });
}

const verdicts: Array<[action: SeccompRule['action'], value: number]> = [
  ['allow', ALLOW],
  ['log', 0x7ffc0000],
  ['trap', 0x00030000],
  ['kill-process', KILL],
  ['kill-thread', 0],
  ['errno', EPERM],
  [{errno: 'ENOSYS'}, 0x00050026],
];
for (const [action, value] of verdicts) {
  test(`verdict ${JSON.stringify(action)}, as rule and as default`, () => {
    assert.equal(verdict([{syscall: 'read', ...(action === undefined ? {} : {action})}], 0), value);
    assert.equal(verdict([], 0, [], {arch: 'x64', defaultAction: action as 'allow'}), value);
  });
}

test('a list allows its calls and no others', () => {
  const rules: SeccompRule[] = [{syscall: 'read'}, {syscall: 'write'}, {syscall: 'futex'}];
  for (let nr = 0; nr < 500; nr++) assert.equal(verdict(rules, nr), [0, 1, 202].includes(nr) ? ALLOW : EPERM);
});

test('calls of another architecture and x32 numbers kill, whatever the default', () => {
  const allowAll = buildFilter([], {arch: 'x64', defaultAction: 'allow'}).bytes;
  const args = [0n, 0n, 0n, 0n, 0n, 0n];
  assert.equal(runFilter(allowAll, {nr: 0, arch: X64, args}), ALLOW);
  assert.equal(runFilter(allowAll, {nr: 0, arch: 0x40000003, args}), KILL); // i386
  assert.equal(runFilter(allowAll, {nr: 0, arch: ARM64, args}), KILL);
  assert.equal(runFilter(allowAll, {nr: 0x40000000, arch: X64, args}), KILL);
  assert.equal(runFilter(allowAll, {nr: 0x40000000 + 520, arch: X64, args}), KILL);
  assert.equal(runFilter(allowAll, {nr: 0xffffffff, arch: X64, args}), KILL);
  assert.equal(runFilter(allowAll, {nr: 0x3fffffff, arch: X64, args}), ALLOW);
  const arm = buildFilter([], {arch: 'arm64', defaultAction: 'allow'}).bytes;
  assert.equal(runFilter(arm, {nr: 0, arch: ARM64, args}), ALLOW);
  assert.equal(runFilter(arm, {nr: 0, arch: X64, args}), KILL);
});

const BIG = 0x1_0000_0005n;
const conditions: Array<
  [what: string, arg: SeccompArgument, yes: Array<number | bigint>, no: Array<number | bigint>]
> = [
  ['equal', {index: 0, op: 'eq', value: 5}, [5], [0, 4, 6, BIG, -5]],
  ['equal in both halves', {index: 0, op: 'eq', value: BIG}, [BIG], [5, 0x1_0000_0000n, 0x2_0000_0005n]],
  ['equal to a negative value', {index: 0, op: 'eq', value: -1}, [-1, 0xffffffffffffffffn], [0xffffffffn, 1]],
  [
    'equal in 32 bits',
    {index: 0, op: 'eq', value: -100, width: 32},
    [-100, 0xffffff9cn, 0x7_ffffff9cn],
    [100, 0],
  ],
  [
    'masked',
    {index: 0, op: 'masked-eq', mask: 0x40, value: 0x40},
    [0x40, 0xff, 0x40n + (1n << 40n)],
    [0, 0xbf],
  ],
  [
    'masked in the high half',
    {index: 0, op: 'masked-eq', mask: 0xff_0000_0000n, value: 0x12_0000_0000n},
    [0x12_0000_0000n, 0x5612_1234_5678n],
    [0x13_0000_0000n, 0x12],
  ],
  ['no bits but these', {index: 0, op: 'masked-eq', mask: ~0x3n, value: 0}, [0, 1, 2, 3], [4, 1n << 33n, -1]],
  [
    'masked in 32 bits',
    {index: 0, op: 'masked-eq', mask: -2, value: 0, width: 32},
    [0, 1, 1n << 40n],
    [2, -1],
  ],
  ['one of', {index: 0, op: 'in', values: [3, BIG, 7]}, [3, BIG, 7], [5, 4, 0, 0x1_0000_0003n]],
  ['one of, in 32 bits', {index: 0, op: 'in', values: [3, 9], width: 32}, [3, 9, 0x5_0000_0003n], [5, 0]],
  ['below', {index: 0, op: 'lt', value: 10}, [0, 9], [10, 11, 1n << 32n, -1]],
  ['below 2^32 and some', {index: 0, op: 'lt', value: BIG}, [0, 0xffffffffn, BIG - 1n], [BIG, 2n << 32n, -1]],
  ['below, in 32 bits', {index: 0, op: 'lt', value: 10, width: 32}, [9, (1n << 40n) + 9n], [10, -1]],
  ['below 0', {index: 0, op: 'lt', value: 0}, [], [0, 1, -1]],
];
for (const [what, argument, yes, no] of conditions) {
  test(`an argument that is ${what}`, () => {
    for (const index of [0, 3, 5]) {
      const rules: SeccompRule[] = [{syscall: 'ioctl', args: [{...argument, index}]}, {syscall: 'read'}];
      const at = (value: number | bigint) => Array.from({length: 6}, (_, i) => (i === index ? value : 0x55));
      for (const value of yes) assert.equal(verdict(rules, 16, at(value)), ALLOW, `${value}`);
      for (const value of no) assert.equal(verdict(rules, 16, at(value)), EPERM, `${value}`);
      assert.equal(verdict(rules, 0, at(5)), ALLOW, 'the rules behind are reached');
    }
  });
}

test('all conditions of a rule must hold, and the first rule that holds decides', () => {
  const rules: SeccompRule[] = [
    {
      syscall: 'clone',
      args: [
        {index: 0, op: 'eq', value: 1},
        {index: 1, op: 'lt', value: 10},
      ],
    },
    {syscall: 'clone', args: [{index: 0, op: 'eq', value: 1}], action: {errno: 'ENOSYS'}},
    {syscall: 'clone', action: 'kill-process'},
    {syscall: 'clone', action: 'allow'},
  ];
  assert.equal(verdict(rules, 56, [1, 9]), ALLOW);
  assert.equal(verdict(rules, 56, [1, 10]), 0x00050026);
  assert.equal(verdict(rules, 56, [2, 9]), KILL);
});

test('long lists jump far', () => {
  const values = Array.from({length: 500}, (_, index) => index * 3);
  const rules: SeccompRule[] = [{syscall: 'ioctl', args: [{index: 1, op: 'in', values}]}, {syscall: 'close'}];
  assert.equal(verdict(rules, 16, [0, 499 * 3]), ALLOW);
  assert.equal(verdict(rules, 16, [0, 1]), EPERM);
  assert.equal(verdict(rules, 3), ALLOW);
});

test('any set of rules agrees with what they say', () => {
  let seed = 12345;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  const pool = [
    0n,
    1n,
    2n,
    0xffffffffn,
    0x100000000n,
    0x100000001n,
    0xfffffffffffffffen,
    0xffffffffffffffffn,
  ];
  const pick = (): bigint => pool[random(pool.length)] as bigint;
  const holds = (argument: SeccompArgument, args: bigint[]): boolean => {
    const width = argument.width ?? 64;
    const cut = (value: number | bigint): bigint => BigInt.asUintN(width, BigInt(value));
    const value = cut(args[argument.index] as bigint);
    if (argument.op === 'masked-eq') return (value & cut(argument.mask)) === cut(argument.value);
    if (argument.op === 'in') return argument.values.some((one) => cut(one) === value);
    if (argument.op === 'eq') return value === cut(argument.value);
    return value < cut(argument.value);
  };
  const argument = (): SeccompArgument => {
    const index = random(6);
    const width = random(3) === 0 ? 32 : 64;
    const sized = (): bigint => BigInt.asUintN(width, pick());
    const kind = random(4);
    if (kind === 0) return {index, width, op: 'eq', value: sized()};
    if (kind === 1) return {index, width, op: 'lt', value: sized()};
    if (kind === 2) return {index, width, op: 'in', values: [sized(), sized(), sized()]};
    const mask = sized();
    return {index, width, op: 'masked-eq', mask, value: mask & pick()};
  };
  for (let round = 0; round < 300; round++) {
    const rules: SeccompRule[] = Array.from({length: 1 + random(6)}, () => ({
      syscall: (['read', 'write', 'ioctl'] as const)[random(3)] as 'read',
      args: Array.from({length: random(3)}, argument),
      action: random(2) === 0 ? 'allow' : {errno: 'ENOSYS'},
    }));
    const {bytes} = buildFilter(rules, options);
    for (let call = 0; call < 20; call++) {
      const nr = [0, 1, 16, 2][random(4)] as number;
      const args = Array.from({length: 6}, pick);
      const rule = rules.find(
        (one) =>
          syscallNumber(one.syscall, 'x64') === nr && (one.args ?? []).every((each) => holds(each, args)),
      );
      const expected = rule === undefined ? EPERM : rule.action === 'allow' ? ALLOW : 0x00050026;
      assert.equal(
        runFilter(bytes, {nr, arch: X64, args}),
        expected,
        JSON.stringify([rules, nr, args], (_, v) => (typeof v === 'bigint' ? `0x${v.toString(16)}` : v)),
      );
    }
  }
});

const impossible: Array<[what: string, argument: SeccompArgument]> = [
  ['a seventh argument', {index: 6, op: 'eq', value: 1}],
  ['a negative index', {index: -1, op: 'eq', value: 1}],
  ['half an index', {index: 0.5, op: 'eq', value: 1}],
  ['one of nothing', {index: 0, op: 'in', values: []}],
  ['33 bits in 32', {index: 0, op: 'eq', value: 2 ** 32, width: 32}],
  ['65 bits', {index: 0, op: 'eq', value: 1n << 64n}],
  ['too far below zero', {index: 0, op: 'lt', value: -(2 ** 31) - 1, width: 32}],
  ['a value outside its mask', {index: 0, op: 'masked-eq', mask: 0xf, value: 0x10}],
  ['a fraction', {index: 0, op: 'eq', value: 1.5}],
];
for (const [what, argument] of impossible) {
  test(`refused: ${what}`, () => {
    assert.throws(() => buildFilter([{syscall: 'read', args: [argument]}], options), RangeError);
  });
}

test('a filter beyond what the kernel takes is refused', () => {
  const values = Array.from({length: 1000}, (_, index) => index);
  assert.throws(
    () => buildFilter([{syscall: 'ioctl', args: [{index: 1, op: 'in', values}]}], options),
    /4096/,
  );
});

test('calls that an architecture lacks are left out and named', () => {
  const filter = buildFilter([{syscall: 'open'}, {syscall: 'openat'}], {...options, arch: 'arm64'});
  assert.deepEqual(filter.leftOut, ['open']);
  assert.equal(verdict([{syscall: 'open'}, {syscall: 'openat'}], 56, [], {...options, arch: 'arm64'}), ALLOW);
});

test('the table has well-known numbers, each once', () => {
  for (const [name, x64, arm64] of [
    ['read', 0, 63],
    ['openat', 257, 56],
    ['futex', 202, 98],
    ['seccomp', 317, 277],
    ['clone3', 435, 435],
    ['epoll_wait', 232, undefined],
    ['mmap', 9, 222],
    ['newfstatat', 262, 79],
    ['statx', 332, 291],
  ] as const) {
    assert.deepEqual([syscallNumber(name, 'x64'), syscallNumber(name, 'arm64')], [x64, arm64], name);
    assert.equal(syscallName(x64, 'x64'), name);
  }
  for (const architecture of ['x64', 'arm64'] as const) {
    const numbers = SYSCALL_NAMES.map((name) => syscallNumber(name, architecture)).filter(
      (n) => n !== undefined,
    );
    assert.equal(new Set(numbers).size, numbers.length);
  }
  assert.equal(syscallName(9999), undefined);
});
