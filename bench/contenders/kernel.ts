import {release} from 'node:os';
import {run} from '../../test/support/mounts.js';
import {unmount} from '../machine/unmount.js';
import type {Contender} from './contender.js';

/** The kernel's own driver on a loop device: what everybody is held against. */
export const kernel: Contender = {
  name: 'kernel ext4',
  version: `Linux ${release()}, mount -o ro,loop`,
  mount: (image, target) => {
    run('mount', ['-t', 'ext4', '-o', 'ro,loop', image, target]);
    return {target, servers: () => [], unmount: () => unmount(target)};
  },
};
