import {existsSync, readFileSync, writeFileSync} from 'node:fs';

const PARAMETER = '/sys/module/fuse/parameters/enable_uring';
const DISABLED = '/proc/sys/kernel/io_uring_disabled';

function missing(): string | undefined {
  if (process.geteuid?.() !== 0) return 'not root';
  if (!existsSync(PARAMETER)) return 'this kernel has no FUSE over io_uring';
  if (existsSync(DISABLED) && readFileSync(DISABLED, 'latin1').trim() === '2')
    return 'io_uring is switched off';
  return undefined;
}

/** Why requests can't travel by io_uring here, for titles; undefined when they can. */
export const NO_RINGS: string | undefined = missing();

/** Lets new mounts take requests by io_uring, or not. Mounts that don't ask for it notice nothing. @returns puts it back as it was */
export function switchUring(on: boolean): () => void {
  const before = readFileSync(PARAMETER, 'latin1');
  writeFileSync(PARAMETER, on ? 'Y' : 'N');
  return () => writeFileSync(PARAMETER, before);
}

/** Processors that this machine may ever have: they begin with 0 and leave none out. */
export function possibleCpus(): number {
  const list = readFileSync('/sys/devices/system/cpu/possible', 'latin1');
  return Number(/(\d+)\n?$/.exec(list)?.[1]) + 1;
}
