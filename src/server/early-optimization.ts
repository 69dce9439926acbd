import {setV8Flags} from '../sys/v8-flags.js';

/**
 * How much bytecode a function runs, in bytes, before V8 looks whether to compile it for speed, and how many such looks it takes. V8's own are 67,584 and 3,
 * for programs with much code of which most runs seldom. What a server runs for each request is little, and is known to run again.
 */
export const EARLY: readonly string[] = ['--interrupt-budget=10000', '--ticks-before-optimization=2'];

/** From this version on V8 counts calls and not bytes, and has other flags for that. */
const COUNTS_CALLS = 12;

/** Whether this runtime's V8 has those flags. */
export function hasBudgets(version: string = process.versions.v8): boolean {
  return Number.parseInt(version, 10) < COUNTS_CALLS;
}

/**
 * Has V8 compile a server's code for speed sooner, in all of its threads. To be called when their code is loaded: V8 compares its flags
 * with those that a code cache was made with. Where it knows no such flags nothing happens.
 */
export function optimizeEarly(): void {
  if (hasBudgets()) setV8Flags(EARLY);
}
