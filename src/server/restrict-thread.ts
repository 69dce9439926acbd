import {landlockAbi, restrictToNothing} from '../sys/landlock.js';
import {setNoNewPrivs} from '../sys/process.js';

/**
 * Takes from the calling thread what landlock knows: all files, all networks, signals to others. Other threads are not
 * touched on kernels before landlock can do that, so each thread that runs our code calls this.
 * @param connectPorts TCP ports that may still be connected to
 * @returns the landlock ABI in force, 0 where the kernel has none
 * @throws Errno
 */
export function restrictThread(connectPorts: readonly number[] = []): number {
  setNoNewPrivs();
  return landlockAbi() === 0 ? 0 : restrictToNothing({connectPorts}).abi;
}
