import {OwnedFd} from './fd.js';
import {checked, native} from './libc.js';
import {syscallNumber} from './syscall-numbers.js';

const pidfdOpen = native<[number: number, pid: number, flags: number]>('syscall', 'long', [
  'long',
  'long',
  'long',
]);

/**
 * A descriptor of a process, close-on-exec, which becomes readable when that process has ended (pidfd_open(2), Linux 5.3).
 * @throws Errno ESRCH
 */
export function openPidfd(pid: number): OwnedFd {
  const number = syscallNumber('pidfd_open') as number; // both architectures have it
  return new OwnedFd(checked(pidfdOpen()(number, pid, 0), 'pidfd_open', `process ${pid}`));
}
