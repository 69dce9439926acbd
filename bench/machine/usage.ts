import {readdirSync, readFileSync, readlinkSync} from 'node:fs';

/** Ticks of a processor-time counter of /proc/PID/stat a second: USER_HZ, 100 on all architectures of Debian's. */
const TICKS_A_SECOND = 100;

/** A text of /proc/PID; empty when the process has ended. */
export function textOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

/** Processes whose arguments fit, by the program's last name and a word among the rest. */
export function processesOf(program: string, word: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [first = '', ...rest] = textOf(pid, 'cmdline').split('\0');
      return first.split('/').pop() === program && rest.some((each) => each.includes(word));
    });
}

/** Whether one of some processes has an io_uring. */
export function holdUring(pids: readonly number[]): boolean {
  return pids.some((pid) =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === 'anon_inode:[io_uring]'),
  );
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Seconds of processor time of processes with all their threads, user and system (proc(5), utime and stime). */
export function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    // The name, in brackets, may hold blanks; utime and stime are the 12th and 13th field behind it.
    const [, rest = ''] = textOf(pid, 'stat').split(/\) (?!.*\))/);
    const fields = rest.split(' ');
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_A_SECOND;
}

/** Bytes of memory that processes had at most, each for itself (proc(5), VmHWM): shared pages count in each. */
export function peakMemoryOf(pids: readonly number[]): number {
  const kib = pids.map((pid) => Number(/^VmHWM:\s+(\d+) kB/m.exec(textOf(pid, 'status'))?.[1] ?? 0));
  return kib.reduce((sum, each) => sum + each, 0) * 1024;
}

/** Waits until processes are gone. @throws when they are not after ten seconds */
export function waitForEnd(pids: readonly number[]): void {
  const deadline = Date.now() + 10_000;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const left = pids.filter((pid) => !['', 'Z'].includes(stateOf(pid)));
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still running: ${left.join(', ')}`);
    Atomics.wait(cell, 0, 0, 5);
  }
}

function stateOf(pid: number): string {
  return /^State:\s+(\w)/m.exec(textOf(pid, 'status'))?.[1] ?? '';
}
