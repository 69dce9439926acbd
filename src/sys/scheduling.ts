import {native} from './libc.js';

const schedYield = native<[]>('sched_yield', 'int', []);

/** Lets who waits for this processor run first (sched_yield(2)). */
export function yieldProcessor(): void {
  schedYield()();
}
