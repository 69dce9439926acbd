import {rawSystemCall, startSleepingThread} from '../sys/raw-system-call.js';
import {type Act, call, oneCall, opening, path, stopped, untilStopped, wentThrough} from './act.js';

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const MIB = 2 ** 20;
const CHUNK = 64 * MIB;
/** 16 GiB. */
const MOST_CHUNKS = 256;
const MOST_THREADS = 600;
const MOST_DESCRIPTORS = 5000;
const MOST_LOG = 64 * MIB;
const LOCKED_BYTES = 16 * MIB;
const STDERR = 2;
const SIGSYS = 31;

/** Asks for memory that it can write until it gets no more, and gives all back. */
const fillMemory: Act = {
  name: 'take memory without end',
  attempt() {
    const taken: number[] = [];
    const outcome = untilStopped(MOST_CHUNKS, () => {
      const answer = rawSystemCall(
        'mmap',
        0,
        CHUNK,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS,
        -1,
        0,
      )!;
      if (answer.result === -1) return answer.errno;
      taken.push(answer.result);
      return 0;
    });
    for (const address of taken) rawSystemCall('munmap', address, CHUNK);
    return outcome;
  },
};

const fillDescriptors: Act = {
  name: 'open descriptors without end',
  attempt() {
    const taken: number[] = [];
    const outcome = untilStopped(MOST_DESCRIPTORS, () => {
      const answer = rawSystemCall('dup', STDERR)!;
      if (answer.result === -1) return answer.errno;
      taken.push(answer.result);
      return 0;
    });
    for (const fd of taken) rawSystemCall('close', fd);
    return outcome;
  },
};

/** After this the log takes nothing more. */
export const fillLog: Act = {
  name: 'fill the log',
  onlyLocked: true,
  attempt({task}) {
    if (!task.logIsFile) return {result: 'not-tried', detail: 'the journal limits what a service may say'};
    const text = path('x'.repeat(MIB - 2));
    let written = 0;
    while (written < MOST_LOG) {
      const {result, errno} = rawSystemCall('write', STDERR, text, text.length)!;
      if (result === -1) return stopped(errno, `after ${written} bytes`);
      written += result;
    }
    return wentThrough(`${written} bytes`);
  },
};

/** Leaves threads behind that sleep. */
export const fillThreads: Act = {
  name: 'start threads without end',
  onlyLocked: true,
  attempt: () => untilStopped(MOST_THREADS, () => startSleepingThread(60)),
};

function executable(fd: number, flags: number): number[] {
  return [0, 4096, PROT_READ | PROT_EXEC, flags, fd, 0];
}

/** Memory, descriptors, and code. */
export const RESOURCE_ACTS: readonly Act[] = [
  fillMemory,
  fillDescriptors,
  oneCall('keep memory from being swapped', 'mlock', () => {
    const memory = new Uint8Array(LOCKED_BYTES);
    return [memory, memory.length];
  }),
  opening('make a file in memory', 'memfd_create', () => [path('probe'), 0]),
  oneCall('execute what it wrote to a file in memory', 'mmap', ({memfd}) => executable(memfd, MAP_SHARED)),
  oneCall('map new memory to execute', 'mmap', () => executable(-1, MAP_PRIVATE | MAP_ANONYMOUS)),
  {
    name: 'make a pipe',
    attempt() {
      const ends = new Int32Array(2);
      const outcome = call('pipe2', new Uint8Array(ends.buffer), 0);
      if (outcome.result === 'went-through') for (const end of ends) rawSystemCall('close', end);
      return outcome;
    },
  },
];

/** What is let through where V8 compiles, and stopped where it does not (server.jitless). */
export const makeExecutable: Act = {
  name: 'make memory executable that it wrote',
  attempt() {
    const memory = rawSystemCall(
      'mmap',
      0,
      4096,
      PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS,
      -1,
      0,
    )!;
    if (memory.result === -1) return stopped(memory.errno);
    const outcome = call('mprotect', memory.result, 4096, PROT_READ | PROT_EXEC);
    rawSystemCall('munmap', memory.result, 4096);
    return outcome;
  },
};

/** A filter that let this through could be outlived. */
export const replaceHandler: Act = {
  name: 'handle forbidden calls itself',
  onlyLocked: true,
  // With no new handler the kernel only tells the old one, where it may.
  attempt: () => call('rt_sigaction', SIGSYS, 0, 0, 8),
};
