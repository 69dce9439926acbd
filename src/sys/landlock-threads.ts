import {readdirSync} from 'node:fs';
import {Errno} from './errno.js';
import {rulesetOfNothing} from './landlock.js';
import {addressOf, viewOf} from './libc.js';
import {bytes32, mapCode, unmapCode} from './machine-code.js';
import {rawSystemCall} from './raw-system-call.js';

/**
 * The signal with which glibc has all threads change their user id. No thread can block it by the C library's functions, and nothing
 * else uses it; programs that change ids can't use what is below.
 */
const SIGSETXID = 33;
/** struct sigaction as the kernel of x86-64 has it: handler, flags, restorer, mask. */
const KERNEL_SIGACTION_SIZE = 32;
const SA_FLAGS = 0x14000004n; // SA_SIGINFO | SA_RESTORER | SA_RESTART
const SIGSET_SIZE = 8;
/** Where the handler returns to, behind its code. */
const RESTORER_AT = 0x3d;

/** How long threads may take, and how often it is looked for new ones. */
const PATIENCE_MS = 5_000;
const POLL_MS = 1;
const MOST_ROUNDS = 4;
/**
 * Thread ids that are tried where there is no /proc: in a pid namespace of its own a process has low ones, given in order. So those of a
 * young process end where so many in a row are nobody's.
 */
const MOST_LOW_ID = 4096;
const LONGEST_GAP = 64;

/** What a thread runs: no_new_privs, the ruleset, and one more in the first or, when it failed, in the second counter. */
function handlerCode(ruleset: number, counters: bigint): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(8);
  viewOf(address).setBigUint64(0, counters, true);
  return Uint8Array.from([
    ...[0xbf, 0x26, 0, 0, 0], //             mov    edi, 38            ; PR_SET_NO_NEW_PRIVS
    ...[0xbe, 0x01, 0, 0, 0], //             mov    esi, 1
    ...[0x31, 0xd2], //                      xor    edx, edx
    ...[0x45, 0x31, 0xd2], //                xor    r10d, r10d
    ...[0x45, 0x31, 0xc0], //                xor    r8d, r8d
    ...[0xb8, 0x9d, 0, 0, 0], //             mov    eax, 157           ; prctl
    ...[0x0f, 0x05], //                      syscall
    ...[0xbf, ...bytes32(ruleset)], //       mov    edi, ruleset
    ...[0x31, 0xf6], //                      xor    esi, esi
    ...[0xb8, 0xbe, 0x01, 0, 0], //          mov    eax, 446           ; landlock_restrict_self
    ...[0x0f, 0x05], //                      syscall
    ...[0x48, 0xb9, ...address], //          movabs rcx, counters
    ...[0x31, 0xd2], //                      xor    edx, edx
    ...[0x85, 0xc0], //                      test   eax, eax
    ...[0x0f, 0x95, 0xc2], //                setnz  dl
    ...[0xf0, 0xff, 0x04, 0x91], //          lock inc dword [rcx+rdx*4]
    0xc3, //                                 ret
    ...[0xb8, 0x0f, 0, 0, 0], //   restorer: mov    eax, 15            ; rt_sigreturn
    ...[0x0f, 0x05], //                      syscall
  ]);
}

function threadIds(): number[] {
  try {
    return readdirSync('/proc/self/task').map(Number);
  } catch {
    const ids: number[] = [];
    for (let id = 1; id <= MOST_LOW_ID && id - (ids.at(-1) ?? process.pid) <= LONGEST_GAP; id++) {
      if (rawSystemCall('tgkill', process.pid, id, 0)?.result === 0) ids.push(id);
    }
    return ids;
  }
}

/** How many threads did as they were told. */
export interface ThreadsRestricted {
  readonly restricted: number;
  readonly missed: number;
  /** Ids of those that were told. */
  readonly ids: readonly number[];
}

/**
 * Takes from all threads but those named what `restrictToNothing` takes from the calling one, on kernels whose Landlock knows single
 * threads alone: each thread is interrupted by a signal and does it itself, the way the C library has all of them change their ids.
 * Threads that the runtime started for itself are so restricted too.
 *
 * @returns undefined on architectures that this is not made for
 * @throws Errno without Landlock, or where no code can be mapped
 */
export function restrictOtherThreads(done: ReadonlySet<number>): ThreadsRestricted | undefined {
  if (process.arch !== 'x64') return undefined;
  const others = threadIds().filter((id) => !done.has(id));
  if (others.length === 0) return {restricted: 0, missed: 0, ids: []};
  const {ruleset} = rulesetOfNothing();
  using _ = ruleset;
  // Large enough not to lie in the garbage-collected heap, where it could move.
  const counters = new Uint8Array(4096);
  const code = handlerCode(ruleset.fd, addressOf(counters));
  const address = mapCode('fuseward-landlock', code);
  const action = new Uint8Array(KERNEL_SIGACTION_SIZE);
  viewOf(action).setBigUint64(0, BigInt(address), true);
  viewOf(action).setBigUint64(8, SA_FLAGS, true);
  viewOf(action).setBigUint64(16, BigInt(address + RESTORER_AT), true);
  action.fill(0xff, 24);
  const before = new Uint8Array(KERNEL_SIGACTION_SIZE);
  const set = rawSystemCall('rt_sigaction', SIGSETXID, action, before, SIGSET_SIZE)!;
  if (set.result !== 0) throw new Errno(set.errno, 'rt_sigaction', `signal ${SIGSETXID}`);
  const ids = tellAll(others, new Set(done), viewOf(counters));
  const told = ids.length;
  const restricted = viewOf(counters).getUint32(0, true);
  const failed = viewOf(counters).getUint32(4, true);
  // One that has not answered may do so later.
  if (restricted + failed === told) {
    rawSystemCall('rt_sigaction', SIGSETXID, before, 0, SIGSET_SIZE);
    unmapCode(address, code);
  }
  return {restricted, missed: told - restricted, ids};
}

/** Signals those threads, and every other that is not done, until no new one is there. @returns which were told */
function tellAll(first: readonly number[], done: Set<number>, counters: DataView): number[] {
  const answered = (): number => counters.getUint32(0, true) + counters.getUint32(4, true);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const told: number[] = [];
  let others = first;
  for (let round = 0; round < MOST_ROUNDS && others.length > 0; round++) {
    for (const id of others) {
      done.add(id);
      // One that has ended meanwhile needs nothing.
      if (rawSystemCall('tgkill', process.pid, id, SIGSETXID)?.result === 0) told.push(id);
    }
    const end = performance.now() + PATIENCE_MS;
    while (answered() < told.length && performance.now() < end) Atomics.wait(sleeper, 0, 0, POLL_MS);
    others = threadIds().filter((id) => !done.has(id));
  }
  return told;
}
