import {setFlagsFromString} from 'node:v8';

/**
 * Sets `--max-old-space-size` back, in the main thread. V8 compares all of its flags with those that a cache was made with, and this one has a value of its own
 * for each policy. It has done its work: the heap has its limit already, and a thread is given its own.
 */
export function forgetHeapFlag(): void {
  setFlagsFromString('--max-old-space-size=0');
}
