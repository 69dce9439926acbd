import {chownSync} from 'node:fs';
import {O_NOFOLLOW, O_PATH, type OwnedFd, openFd} from './fd.js';
import {checked, cText, native} from './libc.js';

const makeNode = native<[path: string, mode: number, device: bigint]>('mknod', 'int', [
  'str',
  'uint',
  'uint64',
]);
const S_IFBLK = 0o060000;

/**
 * Makes a node for the block device with these numbers (`st_rdev`), which its owner can open for reading, or for both.
 * @returns the node, O_PATH
 * @throws Errno EEXIST
 */
export function makeBlockNode(
  path: string,
  device: bigint,
  {uid, writable}: {uid: number; writable: boolean},
): OwnedFd {
  checked(makeNode()(cText(path, 'mknod'), S_IFBLK | (writable ? 0o600 : 0o400), device), 'mknod', path);
  chownSync(path, uid, uid);
  return openFd(path, O_PATH | O_NOFOLLOW);
}
