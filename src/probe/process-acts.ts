import {addressOf, rawSystemCall} from '../sys/raw-system-call.js';
import {type Act, call, oneCall, opening, path, stopped, wentThrough} from './act.js';
import type {Outcome} from './report.js';

const SIGCHLD = 17;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWUSER = 0x10000000;
const PTRACE_SEIZE = 0x4206;
const PR_SET_DUMPABLE = 4;
const RLIMIT_NOFILE = 7;
const SCHED_FIFO = 1;
const SIGKILL = 9;

/** A copy of this process, which ends at once. */
function copyOfItself(flags: number): Outcome {
  const answer = rawSystemCall('clone', flags | SIGCHLD, 0, 0, 0, 0)!;
  if (answer.result === 0) rawSystemCall('exit_group', 0);
  if (answer.result === -1) return stopped(answer.errno);
  rawSystemCall('wait4', answer.result, 0, 0, 0);
  return wentThrough(`process ${answer.result}`);
}

const VECTOR_LENGTH = 16;

/** struct iovec. */
function vector(address: bigint): Uint8Array {
  const iovec = new Uint8Array(16);
  new DataView(iovec.buffer).setBigUint64(0, address, true);
  new DataView(iovec.buffer).setBigUint64(8, BigInt(VECTOR_LENGTH), true);
  return iovec;
}

/** Other processes, and programs. */
export const PROCESS_ACTS: readonly Act[] = [
  {
    name: 'execute a program',
    onlyLocked: true,
    attempt: () => call('execve', path(process.execPath), new Uint8Array(8), new Uint8Array(8)),
  },
  {name: 'start a process', attempt: () => copyOfItself(0)},
  {name: 'start a process with root rights over namespaces', attempt: () => copyOfItself(CLONE_NEWUSER)},
  oneCall('leave its mount namespace', 'unshare', () => [CLONE_NEWNS]),
  oneCall('enter the namespaces of another process', 'setns', ({victimPidfd}) => [victimPidfd, CLONE_NEWNS]),
  oneCall('signal the manager', 'kill', ({task}) => [task.manager, 0]),
  oneCall('kill another server', 'kill', ({task}) => [task.victim, SIGKILL]),
  oneCall('kill a thread of another server', 'tgkill', ({task}) => [task.victim, task.victim, SIGKILL]),
  oneCall('trace another server', 'ptrace', ({task}) => [PTRACE_SEIZE, task.victim, 0, 0]),
  {
    name: "read another server's memory",
    attempt({task}) {
      const buffer = new Uint8Array(VECTOR_LENGTH);
      // Where programs without a random address begin.
      const theirs = vector(0x400000n);
      return call('process_vm_readv', task.victim, vector(addressOf(buffer)), 1, theirs, 1, 0);
    },
  },
  opening('get a handle of another server', 'pidfd_open', ({task}) => [task.victim, 0]),
  opening('take a descriptor through a process handle', 'pidfd_getfd', ({ownPidfd}) => [ownPidfd, 0, 0]),
  oneCall('let others trace it', 'prctl', () => [PR_SET_DUMPABLE, 1, 0, 0, 0]),
  {
    name: 'raise its limits',
    attempt() {
      const limit = new Uint8Array(16);
      new DataView(limit.buffer).setBigUint64(0, 1n << 20n, true);
      new DataView(limit.buffer).setBigUint64(8, 1n << 20n, true);
      return call('prlimit64', 0, RLIMIT_NOFILE, limit, 0);
    },
  },
  oneCall('run before all others', 'sched_setscheduler', () => [0, SCHED_FIFO, Uint8Array.of(1, 0, 0, 0)]),
  oneCall('take a better priority', 'setpriority', () => [0, 0, -20]),
];
