import {constants} from 'node:fs';
import type {ServerPolicy} from '../policy/index.js';
import {openFd} from '../sys/fd.js';
import type {EmbeddedServer} from './embedded-server.js';
import {firstFilter} from './first-filter.js';
import {hugePageTexts} from './huge-pages.js';
import type {InheritedFds} from './inherited-fds.js';
import {programWords} from './program-file.js';
import {findRuntime, type SandboxProgram} from './runtime.js';
import {type SandboxExtras, sandboxArguments} from './sandbox.js';
import {startSandbox} from './start-sandbox.js';

/**
 * How glibc's malloc gets memory for our programs: from one arena for each of a server's two threads, which start at the same time and would wait for each other's
 * lock, in huge pages where it needs much (madvise(2), MADV_HUGEPAGE), which it only does where it can read that there are some (`huge-pages.ts`). A first walk of 50,000
 * files then has a quarter of the page faults and takes a fifth less processor time, with 1 MiB more of memory. Unknown to older and other C libraries, which pass over it.
 */
export const GLIBC_TUNABLES = 'glibc.malloc.hugetlb=1:glibc.malloc.arena_max=2';

/**
 * Starts a contained server of our own for `type` in bubblewrap, with one end of a new conversation as its fd 3 and the variables of
 * socket activation set. It outlives this process; it ends by itself when its conversation ends without a mount, and when its mount ends.
 * @throws Error or Errno when it can't be started; nothing runs then
 */
export function launchEmbedded(type: string, policy: ServerPolicy): EmbeddedServer {
  return launchContained('server', serverArguments(type, policy), policy);
}

/** Starts one that waits for its conversation to begin, for as long as that is open. Its first line in the log tells that it does. @throws as `launchEmbedded` */
export function launchWaitingServer(type: string, policy: ServerPolicy): EmbeddedServer {
  return launchContained('server', [...serverArguments(type, policy), '--waiting'], policy);
}

function serverArguments(type: string, {cacheBytes, busyPollMicroseconds}: ServerPolicy): string[] {
  return [type, `--cache-bytes=${cacheBytes}`, `--busy-poll-microseconds=${busyPollMicroseconds}`];
}

/**
 * Starts a program of ours as `launchEmbedded` starts a server.
 * @param programArguments its arguments, or what makes them of the numbers of descriptors that it gets
 * @throws Error or Errno; nothing runs then
 */
export function launchContained(
  name: SandboxProgram,
  programArguments: readonly string[] | ((fds: InheritedFds) => readonly string[]),
  policy: ServerPolicy,
  extras: SandboxExtras = {},
): EmbeddedServer {
  const runtime = findRuntime(name);
  return startSandbox(policy, 'own', (_uid, {bubblewrap, start}, {info, fds}) => {
    const numbers = {
      program: programWords(runtime, fds),
      filter: fds.give(firstFilter()),
      node: runtime.nodeReachable ? 0 : fds.give(openFd(runtime.node, constants.O_RDONLY)),
      ...(extras.inNetwork === true ? {} : {hugePages: hugePageTexts(fds)}),
      info,
    };
    const own = typeof programArguments === 'function' ? programArguments(fds) : programArguments;
    const words = sandboxArguments(bubblewrap, runtime, numbers, policy, own, extras);
    return start(words, {LISTEN_FDS: '1', LISTEN_PID: '1', GLIBC_TUNABLES});
  });
}
