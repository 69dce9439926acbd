import {setV8Flags} from '../sys/v8-flags.js';

/**
 * Sets flags about the size of the heap back, in the main thread. V8 compares all of its flags with those that a cache was made with, ours and the one of Node's own
 * modules. They have done their work: the heap has its sizes already, and a thread is given its own.
 */
export function forgetHeapFlags(): void {
  const given = process.execArgv.flatMap(
    (each) => /^(--(?:max-old|min-semi)-space-size)=/.exec(each)?.[1] ?? [],
  );
  if (given.length === 0) return;
  setV8Flags(given.map((flag) => `${flag}=0`));
}
