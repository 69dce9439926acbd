import {readFileSync, writeFileSync} from 'node:fs';

/** Whether the kernel offers FUSE over io_uring to new mounts: a bool of the fuse module, Y or N. */
const PARAMETER = '/sys/module/fuse/parameters/enable_uring';

function settingOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Why no mount can have io_uring here; undefined when it can, after `allowUring`. */
export function cannotUring(): string | undefined {
  if (settingOf(PARAMETER) === undefined) return 'this kernel has no FUSE over io_uring';
  const disabled = settingOf('/proc/sys/kernel/io_uring_disabled');
  return disabled === '0' || disabled === undefined
    ? undefined
    : 'the sysctl kernel.io_uring_disabled is set';
}

/**
 * Lets the kernel offer io_uring to mounts from now on. @returns what puts the parameter back as it was; to be called when
 * every mount that was made in between is gone
 */
export function allowUring(): () => void {
  const before = settingOf(PARAMETER);
  if (before === undefined || before === 'Y') return () => undefined;
  writeFileSync(PARAMETER, 'Y');
  return () => writeFileSync(PARAMETER, before);
}
