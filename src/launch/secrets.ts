import {readSync} from 'node:fs';
import {O_NOFOLLOW, O_NONBLOCK, O_RDONLY, type OwnedFd, reopenFd, statFd} from '../sys/fd.js';
import {createMemfd} from '../sys/memfd.js';
import {GrantError, openGranted} from './granted-path.js';

/** Largest secret, bytes: passwords and keys, not data. */
const LARGEST = 65_536;
const S_IFMT = 0o170000n;
const S_IFREG = 0o100000n;
/** Others than root, and its group for reading, that have no business with it. */
const STRANGERS = 0o027n;

/**
 * The content of a secret's file in sealed memory: what gets it can't change it, and has nothing of the file.
 * @throws GrantError for a file that is no secret
 */
export function openSecret(path: string): OwnedFd {
  try {
    return copyOf(path);
  } catch (error) {
    if (error instanceof GrantError) error.isSecret = true;
    throw error;
  }
}

function copyOf(path: string): OwnedFd {
  using place = openGranted(path);
  const {mode, uid, size} = statFd(place.fd);
  if ((mode & S_IFMT) !== S_IFREG) throw new GrantError(path, 'is not a regular file');
  if (uid !== 0n)
    throw new GrantError(path, 'does not belong to root, so it is no secret of the administrator');
  if ((mode & STRANGERS) !== 0n) {
    throw new GrantError(path, `can be read or written by others, so it is no secret: chmod 600 ${path}`);
  }
  if (size > BigInt(LARGEST)) throw new GrantError(path, `has more than ${LARGEST} bytes`);
  using file = reopenFd(place.fd, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  const bytes = Buffer.alloc(LARGEST);
  let length = 0;
  for (let got = 1; got > 0 && length < LARGEST; length += got) {
    got = readSync(file.fd, bytes, length, LARGEST - length, length);
  }
  try {
    return createMemfd('fuseward-secret', bytes.subarray(0, length), {seal: true});
  } finally {
    bytes.fill(0);
  }
}
