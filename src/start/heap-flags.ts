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

/**
 * Sets flags about the size of the heap back, in the main thread. V8 compares all of its flags with those that a cache was made with, ours and the one of Node's own
 * modules. They have done their work: the heap has its sizes already, and a thread is given its own.
 */
export function forgetHeapFlags(): void {
  const given = process.execArgv.flatMap(
    (each) => /^(--(?:max-old|min-semi)-space-size)=/.exec(each)?.[1] ?? [],
  );
  if (given.length === 0) return;
  const setFlags = setFlagsOfV8();
  for (const flag of given) setFlags(`${flag}=0`);
}
