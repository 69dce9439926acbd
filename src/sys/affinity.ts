import {checked, native} from './libc.js';

const getAffinity = native<[process: number, size: number, mask: Uint8Array]>('sched_getaffinity', 'int', [
  'int',
  'size_t',
  'void *',
]);
const setAffinity = native<[process: number, size: number, mask: Uint8Array]>('sched_setaffinity', 'int', [
  'int',
  'size_t',
  'void *',
]);

/** Bytes of a mask: more processors than Linux can be built for. */
const MASK_SIZE = 1024;
const CALLING_THREAD = 0;

/** The processors that a thread may run on, a bit each. */
export type CpuMask = Uint8Array;

/** Those of the calling thread (sched_getaffinity(2)). @throws Errno */
export function allowedCpus(): CpuMask {
  const mask = new Uint8Array(MASK_SIZE);
  checked(getAffinity()(CALLING_THREAD, mask.length, mask), 'sched_getaffinity');
  return mask;
}

/** Lets the calling thread run on these processors alone (sched_setaffinity(2)). @throws Errno EINVAL when it may use none of them */
export function allowCpus(mask: CpuMask): void {
  checked(setAffinity()(CALLING_THREAD, mask.length, mask), 'sched_setaffinity');
}

/** The mask of one processor. */
export function onlyCpu(cpu: number): CpuMask {
  const mask = new Uint8Array(MASK_SIZE);
  mask[cpu >> 3] = 1 << (cpu & 7);
  return mask;
}

/** Whether a mask has a processor. */
export function hasCpu(mask: CpuMask, cpu: number): boolean {
  return ((mask[cpu >> 3] ?? 0) & (1 << (cpu & 7))) !== 0;
}

/** How many processors a mask has. */
export function countCpus(mask: CpuMask): number {
  let count = 0;
  for (let byte of mask) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}
