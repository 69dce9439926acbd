type SetFlags = (flags: string) => void;

/**
 * V8's function behind `node:v8`, which takes 5 to 10 ms to load for this one call. Where a Node has it no more, that is loaded.
 */
function setFlagsOfV8(): SetFlags {
  const {noDeprecation} = process;
  try {
    // It works, and nobody is to be warned of what he can't change.
    process.noDeprecation = true;
    const {binding} = process as unknown as {binding(name: string): {setFlagsFromString: SetFlags}};
    const {setFlagsFromString} = binding.call(process, 'v8');
    if (typeof setFlagsFromString === 'function') return setFlagsFromString;
  } catch {
    // Not there.
  } finally {
    process.noDeprecation = noDeprecation ?? false;
  }
  return process.getBuiltinModule('node:v8').setFlagsFromString;
}

let set: SetFlags | undefined;

/**
 * Sets flags of V8 for all threads of this process, as on Node's command line. V8 writes about one that it does not know to standard error. Who may do so when it is
 * locked down has done so before: nothing is looked for then.
 */
export function setV8Flags(flags: readonly string[]): void {
  set ??= setFlagsOfV8();
  for (const flag of flags) set(flag);
}
