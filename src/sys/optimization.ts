import {setV8Flags} from './v8-flags.js';

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
 * Has V8 compile a server's code for speed sooner, in all of its threads. To be called when their code is loaded: V8 compares its flags with those that a
 * code cache was made with.
 */
export function optimizeEarly(): void {
  setV8Flags(earlyFlags());
}

/**
 * Has V8's last compiler wait, in all threads, in a process that waits for a mount. It works on a thread of its own, 2 to 6 ms at a time, and two processors are too
 * few for that and for a mount between three processes. What runs goes on meanwhile in the code that it has. To be called as `optimizeEarly`.
 */
export function postponeOptimization(): void {
  setV8Flags(['--no-opt']);
}

/** Ends `postponeOptimization`, for a server: from now on as with `optimizeEarly`. Not for a runtime without a compiler (`jitless`), which would get one. */
export function resumeOptimization(): void {
  setV8Flags(['--opt', ...earlyFlags()]);
}
