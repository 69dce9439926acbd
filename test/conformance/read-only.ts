import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import {join} from 'node:path';
import {mknod, S_IF} from '../support/posix.js';
import {type Check, fails} from './check.js';

const ATTEMPTS: Array<[what: string, attempt: (root: string) => unknown]> = [
  ['open for writing', (root) => openSync(join(root, 'file'), 'r+')],
  ['open with O_TRUNC', (root) => openSync(join(root, 'file'), 'w')],
  ['creation', (root) => openSync(join(root, 'new'), 'wx')],
  ['truncate', (root) => truncateSync(join(root, 'file'), 0)],
  ['mkdir', (root) => mkdirSync(join(root, 'new'))],
  ['rmdir', (root) => rmdirSync(join(root, 'empty-directory'))],
  ['unlink', (root) => unlinkSync(join(root, 'file'))],
  ['rename', (root) => renameSync(join(root, 'file'), join(root, 'new'))],
  ['link', (root) => linkSync(join(root, 'file'), join(root, 'new'))],
  ['symlink', (root) => symlinkSync('x', join(root, 'new'))],
  ['mknod', (root) => mknod(join(root, 'new'), S_IF.FIFO | 0o600)],
  ['chmod', (root) => chmodSync(join(root, 'file'), 0o600)],
  ['chown', (root) => chownSync(join(root, 'file'), 1, 1)],
  ['utimes', (root) => utimesSync(join(root, 'file'), 1, 1)],
];

/** Nothing can be changed, and each attempt says so. */
export const READ_ONLY: readonly Check[] = ATTEMPTS.map(([what, attempt]) => ({
  what: `${what} is EROFS`,
  readOnly: true,
  run: (root) => fails('EROFS', () => attempt(root)),
}));
