/** The limit of a thread's heap in MiB, which V8 was started with (`--max-old-space-size`); undefined where it was not told. */
export function heapLimitMiB(): number | undefined {
  const flag = process.execArgv.findLast((each) => each.startsWith('--max-old-space-size='));
  const value = Number(flag?.split('=')[1]);
  return value > 0 ? value : undefined;
}

/** Whether V8 was started without its compilers, and so never needs memory that it both writes and executes. */
export function isJitless(): boolean {
  const options = (process.env['NODE_OPTIONS'] ?? '').split(/\s+/);
  // The last one counts, as it does for V8.
  const given = [...options, ...process.execArgv].findLast((flag) => /^--(no-?)?jitless$/.test(flag));
  return given === '--jitless';
}
