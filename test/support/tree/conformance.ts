import {chmodSync, linkSync, mkdirSync, symlinkSync, writeSync} from 'node:fs';
import {lsetxattr} from '../posix.js';
import {type Chapter, file, join, withFile} from './ground.js';

/** Bytes of `file`: position i holds a byte that follows from i, so that any piece can be told. */
export function patternByte(position: number): number {
  return (position * 31 + (position >> 8) * 7 + 3) & 0xff;
}

export const FILE_SIZE = 100_123;
export const HOLE_END = 512 * 1024;
export const LISTED = 700;
export const SCRIPT_SAYS = 'the script ran';

/** What the conformance checks look at: few things, each with a fixed name. */
export const conformance: Chapter = ({root}) => {
  file(join(root, 'file'), Buffer.from(Uint8Array.from({length: FILE_SIZE}, (_, i) => patternByte(i))));
  file(join(root, 'empty'), '');
  linkSync(join(root, 'file'), join(root, 'same-file'));
  withFile(join(root, 'sparse'), (fd) => writeSync(fd, Buffer.from('end'), 0, 3, HOLE_END));
  symlinkSync('file', join(root, 'symlink'));
  symlinkSync('nothing', join(root, 'dangling'));
  symlinkSync('loop-b', join(root, 'loop-a'));
  symlinkSync('loop-a', join(root, 'loop-b'));
  mkdirSync(join(root, 'empty-directory'));
  mkdirSync(join(root, 'listed'));
  for (let i = 0; i < LISTED; i++) file(join(root, 'listed', `entry-${i}-${'x'.repeat(i % 50)}`), '');
  file(join(root, 'script'), `#!/bin/sh\necho "${SCRIPT_SAYS}"\n`);
  chmodSync(join(root, 'script'), 0o755);
  lsetxattr(join(root, 'file'), 'user.color', Buffer.from('green'));
  return undefined;
};
