import {argumentVector, environmentVector} from './argument-vector.js';
import {Errno} from './errno.js';
import {setCloseOnExec} from './fd.js';
import {addressOf, cText, lastErrno, native} from './libc.js';
import {rawSystemCall} from './raw-system-call.js';

const execve = native<[path: string, argv: bigint, environment: bigint]>('execve', 'int', [
  'str',
  'int64',
  'int64',
]);

const HIGHEST_SIGNAL = 64;
const SIGKILL = 9;
const SIGSTOP = 19;
const SIG_SETMASK = 2;
const SIGSET_SIZE = 8;
/** At least struct sigaction as the kernels of x86-64 (32 bytes) and arm64 (24) have it. All zeros is the default action. */
const SIGACTION_SIZE = 32;

/**
 * Replaces this process by another program (execve(2)): other threads end, descriptors stay unless they are close-on-exec, but for the
 * standard ones, which Node marks so at its start and which stay in any case. Signals that this runtime ignores or blocks are given
 * their default back first, since a new program would inherit that.
 *
 * @throws Errno when it can't be executed: ENOENT, EACCES, ENOEXEC, E2BIG
 */
export function replaceProcess(
  path: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): never {
  const argv = argumentVector(args, 'execve');
  const envp = environmentVector(environment, 'execve');
  resetSignals();
  for (const fd of [0, 1, 2]) setCloseOnExec(fd, false);
  execve()(cText(path, 'execve'), addressOf(argv), addressOf(envp));
  throw new Errno(lastErrno(), 'execve', path);
}

function resetSignals(): void {
  const action = new Uint8Array(SIGACTION_SIZE);
  for (let signal = 1; signal <= HIGHEST_SIGNAL; signal++) {
    if (signal !== SIGKILL && signal !== SIGSTOP)
      rawSystemCall('rt_sigaction', signal, action, 0, SIGSET_SIZE);
  }
  rawSystemCall('rt_sigprocmask', SIG_SETMASK, new Uint8Array(SIGSET_SIZE), 0, SIGSET_SIZE);
}
