import type {SeccompAction, SeccompArgument, SeccompRule} from './seccomp.js';
import type {SyscallName} from './syscall-numbers.js';

/** S_ISUID | S_ISGID of inode(7). */
const SET_ID = 0o6000;
/** O_CREAT, and the bit of O_TMPFILE that is no O_DIRECTORY: with either open(2) has a mode; without, its place may hold anything. */
const CREATES = 0o20000100;

/** Where the mode is among the arguments (chmod(2), mknod(2), creat(2)). */
const MODE_AT: Readonly<Partial<Record<SyscallName, number>>> = {
  chmod: 1,
  fchmod: 1,
  fchmodat: 2,
  fchmodat2: 2,
  creat: 1,
  mknod: 1,
  mknodat: 2,
};
/** The same of open(2), with its flags before it. */
const OPEN_MODE_AT: Readonly<Partial<Record<SyscallName, number>>> = {open: 2, openat: 3};

const lacks = (index: number, mask: number): SeccompArgument => ({
  index,
  width: 32,
  op: 'masked-eq',
  mask,
  value: 0,
});

/**
 * No file becomes set-user-ID or set-group-ID. A server that may write to what belongs to root, by an ID-mapped mount, has root's rights
 * over its modes as well; such a file would be root's to whoever executes it outside, although no mount of ours would honour it.
 * mkdir(2) can't give those bits. What openat2(2) wants lies in memory, where a filter can't see it, so it does not exist; programs take
 * openat(2) then.
 */
export function withoutSetId(): SeccompRule[] {
  const refused: SeccompAction = 'errno';
  const pass = (syscall: SyscallName, ...args: SeccompArgument[]): SeccompRule => ({syscall, args});
  const otherwise = (syscall: SyscallName): SeccompRule => ({syscall, action: refused});
  return [
    ...Object.entries(MODE_AT).flatMap(([name, mode]) => [
      pass(name as SyscallName, lacks(mode, SET_ID)),
      otherwise(name as SyscallName),
    ]),
    ...Object.entries(OPEN_MODE_AT).flatMap(([name, mode]) => [
      pass(name as SyscallName, lacks(mode - 1, CREATES)),
      pass(name as SyscallName, lacks(mode, SET_ID)),
      otherwise(name as SyscallName),
    ]),
    {syscall: 'openat2', action: {errno: 'ENOSYS'}} satisfies SeccompRule,
  ];
}
