import {spawnSync} from 'node:child_process';
import {run} from '../../test/support/mounts.js';
import {unmount} from '../machine/unmount.js';
import {processesOf} from '../machine/usage.js';
import {installed, isProgram} from '../packages.js';
import {type Absent, type Contender, served} from './contender.js';

const NAME = 'fuse2fs';

/** Debian's fuse2fs as it comes. */
export function fuse2fs(): Contender | Absent {
  if (!installed(() => isProgram(NAME), NAME)) return {name: NAME, reason: 'fuse2fs can not be installed'};
  const version = /fuse2fs ([\d.]+)/.exec(spawnSync(NAME, ['-V'], {encoding: 'utf8'}).stderr)?.[1] ?? '';
  return {
    name: NAME,
    version: `${version}, -o ro`,
    mount: (image, target) => {
      run(NAME, ['-o', 'ro', image, target]);
      return served(
        target,
        () => processesOf(NAME, target),
        () => unmount(target),
      );
    },
  };
}
