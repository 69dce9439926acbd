import {Errno} from './errno.js';
import {setCloseOnExec} from './fd.js';
import {addressOf, cText, lastErrno, native, viewOf} from './libc.js';
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
const POINTER_SIZE = 8;
/** Memory of this size and above does not lie in the garbage-collected heap, where it could move. */
const LEAST_BLOCK = 4096;

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
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const argv = vector(args);
  const envp = vector(variables);
  resetSignals();
  for (const fd of [0, 1, 2]) setCloseOnExec(fd, false);
  execve()(cText(path, 'execve'), addressOf(argv), addressOf(envp));
  throw new Errno(lastErrno(), 'execve', path);
}

/** An array of pointers to NUL-terminated texts, with the texts behind it. */
function vector(texts: readonly string[]): Uint8Array {
  const bytes = texts.map((text) => new TextEncoder().encode(cText(text, 'execve')));
  const pointers = (texts.length + 1) * POINTER_SIZE;
  const length = bytes.reduce((sum, each) => sum + each.length + 1, pointers);
  const block = new Uint8Array(Math.max(LEAST_BLOCK, length));
  const view = viewOf(block);
  const base = addressOf(block);
  let at = pointers;
  bytes.forEach((each, index) => {
    view.setBigUint64(index * POINTER_SIZE, base + BigInt(at), true);
    block.set(each, at);
    at += each.length + 1;
  });
  return block;
}

function resetSignals(): void {
  const action = new Uint8Array(SIGACTION_SIZE);
  for (let signal = 1; signal <= HIGHEST_SIGNAL; signal++) {
    if (signal !== SIGKILL && signal !== SIGSTOP)
      rawSystemCall('rt_sigaction', signal, action, 0, SIGSET_SIZE);
  }
  rawSystemCall('rt_sigprocmask', SIG_SETMASK, new Uint8Array(SIGSET_SIZE), 0, SIGSET_SIZE);
}
