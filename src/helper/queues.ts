import {constants, readFileSync} from 'node:fs';
import {type OwnedFd, openFd} from '../sys/fd.js';

/** Whether this kernel's FUSE takes queues: a module parameter (fuse.enable_uring, Linux 6.14) that root may switch on and off. */
const ENABLED = '/sys/module/fuse/parameters/enable_uring';
/** Processors that this machine may ever have, as `0-3`: the kernel makes a queue for each. */
const POSSIBLE = '/sys/devices/system/cpu/possible';

/** Whether the kernel offers FUSE over io_uring to new mounts. */
export function kernelHasQueues(parameter: string = ENABLED): boolean {
  try {
    return readFileSync(parameter, 'utf8').trim() === 'Y';
  } catch {
    // No such parameter before Linux 6.14.
    return false;
  }
}

/** The list of possible processors, opened for reading. @throws Errno */
export function openPossibleCpus(): OwnedFd {
  return openFd(POSSIBLE, constants.O_RDONLY);
}
