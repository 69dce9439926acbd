/** Whether V8 was started without its compilers, and so never needs memory that it both writes and executes. */
export function isJitless(): boolean {
  const options = (process.env['NODE_OPTIONS'] ?? '').split(/\s+/);
  // The last one counts, as it does for V8.
  const given = [...options, ...process.execArgv].findLast((flag) => /^--(no-?)?jitless$/.test(flag));
  return given === '--jitless';
}
