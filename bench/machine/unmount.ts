import {run} from '../../test/support/mounts.js';

/** Somebody who looks at all mounts of a machine may hold one for a moment. */
const TRIES = 50;
const PAUSE_MS = 100;

/** Unmounts, by umount(8), and tries again where the mount is busy. @throws when it still is after five seconds */
export function unmount(target: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let left = TRIES; ; left--) {
    try {
      run('umount', [target]);
      return;
    } catch (error) {
      if (left === 0 || !/busy/.test(String(error))) throw error;
      Atomics.wait(cell, 0, 0, PAUSE_MS);
    }
  }
}
