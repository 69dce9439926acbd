import {setV8Flags} from '../sys/v8-flags.js';

/** From this version on V8 counts calls and not bytes. */
const COUNTS_CALLS = 12;

/**
 * When V8 is to compile a function for speed. Its own values are for programs with much code of which most runs seldom; what a server runs for each
 * request is little, and is known to run again.
 *
 * - to 11: bytes of bytecode that a function runs before it is looked at (67,584), and how many looks it takes (3);
 * - from 12: how often it is called before each of two compilers has it (400 and 3,000).
 */
export function earlyFlags(version: string = process.versions.v8): readonly string[] {
  return Number.parseInt(version, 10) < COUNTS_CALLS
    ? ['--interrupt-budget=10000', '--ticks-before-optimization=2']
    : ['--invocation-count-for-maglev=100', '--invocation-count-for-turbofan=600'];
}

/**
 * Has V8 compile a server's code for speed sooner, in all of its threads. To be called when their code is loaded: V8 compares its flags
 * with those that a code cache was made with.
 */
export function optimizeEarly(): void {
  setV8Flags(earlyFlags());
}
