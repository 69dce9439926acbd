import {BpfAssembler, DATA_ARCH, DATA_NR, dataArgHigh, dataArgLow, type Label} from './bpf.js';
import {Errno} from './errno.js';
import {ERRNO, type ErrnoCode} from './errno-codes.js';
import {addressOf, checked, native, viewOf} from './libc.js';
import {
  nativeArchitecture,
  type SyscallArchitecture,
  type SyscallName,
  syscallNumber,
} from './syscall-numbers.js';

/**
 * What happens to a system call. 'kill-process' ends all threads with SIGSYS, 'kill-thread' only the caller, 'trap' sends a
 * SIGSYS that can be handled, 'log' lets it pass and writes to the audit log, {errno} makes it fail. 'notify' has the caller wait for
 * the word of a supervisor (`seccomp-notify.ts`); without one it is ENOSYS.
 */
export type SeccompAction =
  | 'allow'
  | 'log'
  | 'trap'
  | 'kill-process'
  | 'kill-thread'
  | 'errno'
  | 'notify'
  | {errno: ErrnoCode};

/**
 * A condition on an argument (0 to 5), unsigned. All 64 bits are compared, unless `width` is 32: then the low half alone, for
 * parameters that the kernel itself declares as int (an ioctl's request, an fd), whose upper half callers may fill as they like.
 * Negative values mean their two's complement.
 */
export type SeccompArgument = {index: number; width?: 32 | 64} & (
  | {op: 'eq' | 'lt'; value: number | bigint}
  | {op: 'masked-eq'; mask: number | bigint; value: number | bigint}
  | {op: 'in'; values: ReadonlyArray<number | bigint>}
);

/** A system call that is decided; all conditions must hold. Of several rules for a call the first that holds decides. */
export interface SeccompRule {
  syscall: SyscallName;
  args?: readonly SeccompArgument[];
  /** 'allow' unless told. */
  action?: SeccompAction;
}

/** What decides where no rule does. */
export interface FilterOptions {
  defaultAction: SeccompAction;
  /** That of this process unless told. */
  arch?: SyscallArchitecture;
}

/** A finished filter, ready for seccomp(2). */
export interface SeccompFilter {
  architecture: SyscallArchitecture;
  instructions: number;
  bytes: Uint8Array;
  /** Names in the rules that the architecture does not have, and that were left out. */
  leftOut: SyscallName[];
}

// linux/seccomp.h
const RET_KILL_PROCESS = 0x80000000;
const RET_KILL_THREAD = 0x00000000;
const RET_TRAP = 0x00030000;
const RET_ERRNO = 0x00050000;
const RET_USER_NOTIF = 0x7fc00000;
const RET_LOG = 0x7ffc0000;
const RET_ALLOW = 0x7fff0000;

/** AUDIT_ARCH_* of linux/audit.h: the ELF machine with bits for 64-bit and little-endian. */
const AUDIT_ARCH = {x64: 0xc000003e, arm64: 0xc00000b7} as const;
/** x32 calls come with the architecture of x86-64 and this bit in their number. */
const X32_BIT = 0x40000000;

function verdict(action: SeccompAction): number {
  switch (action) {
    case 'allow':
      return RET_ALLOW;
    case 'log':
      return RET_LOG;
    case 'trap':
      return RET_TRAP;
    case 'kill-process':
      return RET_KILL_PROCESS;
    case 'kill-thread':
      return RET_KILL_THREAD;
    case 'errno':
      return RET_ERRNO | ERRNO.EPERM;
    case 'notify':
      return RET_USER_NOTIF;
    default:
      return RET_ERRNO | ERRNO[action.errno];
  }
}

/**
 * Builds an allow-list. The architecture is checked first: a call by another one's entry (32-bit code on x86-64) or with an x32 number
 * kills the process, whatever the default. Rules for a call that the architecture lacks are left out and named in the result.
 *
 * @throws RangeError a condition that can't be (index, width, empty list), or too many instructions
 */
export function buildFilter(rules: readonly SeccompRule[], opts: FilterOptions): SeccompFilter {
  const architecture = opts.arch ?? nativeArchitecture();
  const program = new BpfAssembler();
  const byNumber = new Map<number, SeccompRule[]>();
  const leftOut = new Set<SyscallName>();
  for (const rule of rules) {
    const number = syscallNumber(rule.syscall, architecture);
    if (number === undefined) leftOut.add(rule.syscall);
    else byNumber.set(number, [...(byNumber.get(number) ?? []), rule]);
  }

  const wrongArchitecture = program.label();
  const right = program.label();
  program.load(DATA_ARCH);
  program.require('=', AUDIT_ARCH[architecture], wrongArchitecture);
  program.load(DATA_NR);
  if (architecture === 'x64') program.jumpIf('>=', X32_BIT, wrongArchitecture);
  program.jump(right);
  program.place(wrongArchitecture);
  program.ret(RET_KILL_PROCESS);
  program.place(right);

  const otherwise = verdict(opts.defaultAction);
  for (const [number, group] of byNumber) {
    const first = group[0] as SeccompRule; // groups are made with their first rule
    if ((first.args?.length ?? 0) === 0) {
      program.retIfEqual(number, verdict(first.action ?? 'allow'));
      continue;
    }
    const nextCall = program.label();
    program.require('=', number, nextCall);
    for (const rule of group) {
      const nextRule = program.label();
      for (const condition of rule.args ?? []) requireArgument(program, condition, nextRule);
      program.ret(verdict(rule.action ?? 'allow'));
      program.place(nextRule);
    }
    program.ret(otherwise); // the accumulator no longer holds the number, so no call goes on from here
    program.place(nextCall);
  }
  program.ret(otherwise);
  const bytes = program.assemble();
  return {architecture, instructions: bytes.length / 8, bytes, leftOut: [...leftOut]};
}

/** The halves of a value of `width` bits. @throws RangeError when it does not fit */
function halves(value: number | bigint, width: 32 | 64): {low: number; high: number} {
  const wide = BigInt(value);
  const bits = BigInt.asUintN(width, wide);
  if (wide >= 0n ? bits !== wide : BigInt.asIntN(width, wide) !== wide) {
    throw new RangeError(`${value} does not fit ${width} bits`);
  }
  return {low: Number(bits & 0xffffffffn), high: Number(bits >> 32n)};
}

/** Goes to `otherwise` unless the condition holds. */
function requireArgument(program: BpfAssembler, condition: SeccompArgument, otherwise: Label): void {
  const {index} = condition;
  if (!Number.isInteger(index) || index < 0 || index > 5) throw new RangeError(`argument ${index}`);
  const width = condition.width ?? 64;
  const holds = program.label();
  switch (condition.op) {
    case 'eq':
      requireEqual(program, index, width, condition.value, -1n, otherwise);
      return;
    case 'masked-eq':
      requireEqual(program, index, width, condition.value, condition.mask, otherwise);
      return;
    case 'in':
      if (condition.values.length === 0) throw new RangeError(`no values for argument ${index}`);
      for (const value of condition.values) {
        const nextValue = program.label();
        requireEqual(program, index, width, value, -1n, nextValue);
        program.jump(holds);
        program.place(nextValue);
      }
      program.jump(otherwise);
      break;
    case 'lt': {
      const bound = halves(condition.value, width);
      if (width === 64) {
        program.load(dataArgHigh(index));
        program.jumpIf('>', bound.high, otherwise);
        program.require('=', bound.high, holds); // not above and not equal: below
      }
      program.load(dataArgLow(index));
      program.jumpIf('>=', bound.low, otherwise);
      break;
    }
  }
  program.place(holds);
}

function requireEqual(
  program: BpfAssembler,
  index: number,
  width: 32 | 64,
  value: number | bigint,
  mask: number | bigint,
  otherwise: Label,
): void {
  const wanted = halves(value, width);
  const kept = halves(mask, width);
  if (((wanted.low & ~kept.low) | (wanted.high & ~kept.high)) !== 0) {
    throw new RangeError(`argument ${index} can't be ${value} under the mask ${mask}`);
  }
  program.load(dataArgLow(index));
  if (kept.low !== 0xffffffff) program.and(kept.low);
  program.require('=', wanted.low, otherwise);
  if (width === 32) return;
  program.load(dataArgHigh(index));
  if (kept.high !== 0xffffffff) program.and(kept.high);
  program.require('=', wanted.high, otherwise);
}

const seccomp = native<[number: number, operation: number, flags: number, program: Uint8Array]>(
  'syscall',
  'long',
  ['long', 'long', 'long', 'void *'],
);
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;
const SECCOMP_FILTER_FLAG_LOG = 2;

/**
 * seccomp(SECCOMP_SET_MODE_FILTER) as it is: what the flags give, a descriptor or a thread's id among them.
 * @throws Errno
 */
export function setFilter(filter: SeccompFilter, flags: number): number {
  const number = syscallNumber('seccomp') as number; // both architectures have it
  if (filter.architecture !== nativeArchitecture()) throw new Errno('EINVAL', 'seccomp', filter.architecture);
  // struct sock_fprog: u16 count, padding, pointer.
  const program = new Uint8Array(16);
  viewOf(program).setUint16(0, filter.instructions, true);
  viewOf(program).setBigUint64(8, addressOf(filter.bytes), true);
  return checked(seccomp()(number, SECCOMP_SET_MODE_FILTER, flags, program), 'seccomp');
}

/**
 * Puts a filter into force, for good: on all threads of the process with `tsync` (which also gives them the no_new_privs of the calling
 * one), else on the calling thread and those it starts later. With `log`, what is refused shows in the audit log.
 *
 * The calling thread needs no_new_privs, or CAP_SYS_ADMIN.
 *
 * @throws Errno EACCES without no_new_privs; ESRCH naming the thread that could not follow, in which case no thread has the filter
 */
export function installFilter(filter: SeccompFilter, opts: {tsync: boolean; log?: boolean}): void {
  const flags =
    (opts.tsync ? SECCOMP_FILTER_FLAG_TSYNC : 0) | (opts.log === true ? SECCOMP_FILTER_FLAG_LOG : 0);
  const result = setFilter(filter, flags);
  // With TSYNC a positive result is the thread that has other filters of its own.
  if (result > 0) throw new Errno('ESRCH', 'seccomp(TSYNC)', `thread ${result}`);
}
