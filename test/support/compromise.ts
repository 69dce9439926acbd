import {readdirSync, readFileSync} from 'node:fs';
import {rawSystemCall} from '../../src/sys/raw-system-call.js';
import {type SyscallName, syscallNumber} from '../../src/sys/syscall-numbers.js';

// linux/ptrace.h
const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;
const PTRACE_GETREGS = 12;
const PTRACE_SETREGS = 13;
const PTRACE_DETACH = 17;
const WAIT_ALL = 0x40000000;

/** struct user_regs_struct of x86-64: where registers lie that matter here. */
const RAX = 80;
const RDX = 96;
const RSI = 104;
const RDI = 112;
const ORIG_RAX = 120;
const RIP = 128;
const RSP = 152;
const REGISTERS_SIZE = 27 * 8;
/** Length of the instruction `syscall`. */
const SYSCALL_LENGTH = 2n;

/** Why no system call can be put into another process's mouth here; undefined when it can. */
export function cannotCompromise(): string | undefined {
  if (process.arch !== 'x64') return 'not x86-64';
  return process.getuid?.() === 0 ? undefined : 'not root';
}

function trace(request: number, thread: number, data: Uint8Array | number = 0): void {
  const answer = rawSystemCall('ptrace', request, thread, 0, data)!;
  if (answer.result === -1) throw new Error(`ptrace ${request} of ${thread}: errno ${answer.errno}`);
}

/** A thread of a process that sleeps in read(2) or poll(2): in a server, the one that serves requests. */
export function waitingThread(pid: number): number {
  const wanted = [syscallNumber('read'), syscallNumber('poll')].map(String);
  const threads = readdirSync(`/proc/${pid}/task`);
  const found = threads.find((thread) => {
    const [call = ''] = readFileSync(`/proc/${pid}/task/${thread}/syscall`, 'latin1').split(' ');
    return wanted.includes(call);
  });
  if (found === undefined) throw new Error(`no thread of ${pid} waits in read(2) or poll(2)`);
  return Number(found);
}

/**
 * Has a thread that sleeps in a system call make another one, as if somebody had taken it over: the instruction that it waits in is
 * executed again with other registers. The thread is let go before it runs.
 * @param stack where its stack is from then on
 */
export function makeCall(
  thread: number,
  name: SyscallName,
  args: readonly number[] = [],
  stack?: number,
): void {
  trace(PTRACE_SEIZE, thread);
  trace(PTRACE_INTERRUPT, thread);
  rawSystemCall('wait4', thread, new Uint8Array(4), WAIT_ALL, 0);
  const memory = new Uint8Array(REGISTERS_SIZE);
  trace(PTRACE_GETREGS, thread, memory);
  const registers = new DataView(memory.buffer);
  registers.setBigUint64(RAX, BigInt(syscallNumber(name) as number), true);
  // No call is under way that would have to be repeated.
  registers.setBigInt64(ORIG_RAX, -1n, true);
  [RDI, RSI, RDX].forEach((at, index) => {
    registers.setBigUint64(at, BigInt(args[index] ?? 0), true);
  });
  if (stack !== undefined) registers.setBigUint64(RSP, BigInt(stack), true);
  registers.setBigUint64(RIP, registers.getBigUint64(RIP, true) - SYSCALL_LENGTH, true);
  trace(PTRACE_SETREGS, thread, memory);
  trace(PTRACE_DETACH, thread);
}
