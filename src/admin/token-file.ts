import {createHash, timingSafeEqual} from 'node:crypto';
import {closeSync, constants, fstatSync, openSync, readSync} from 'node:fs';

/** Shorter ones could be guessed. */
const LEAST_LENGTH = 32;
const MOST_LENGTH = 1024;
/** token68 of RFC 7235: what fits into an Authorization header as it is. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** Tells whether a token is the one that was read at start. Comparing takes the same time for every wrong one. */
export type TokenCheck = (given: string) => boolean;

/**
 * Reads a file that only root may change and others may not read.
 *
 * @param path an absolute or relative path; symbolic links are not followed in its last part
 * @param most the size in bytes that it may have
 * @throws Error, a sentence that names the file
 */
export function readSecretFile(path: string, most: number): Buffer {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw new Error(`can't read ${path}: ${(error as Error).message}`);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error(`can't use ${path}: it is not a regular file`);
    if (stat.uid !== 0) throw new Error(`can't use ${path}: it belongs to user ${stat.uid}, not to root`);
    if ((stat.mode & 0o027) !== 0) {
      const mode = (stat.mode & 0o777).toString(8);
      throw new Error(`can't use ${path}: mode ${mode} lets others read or change it; 600 is right`);
    }
    if (stat.size > most) throw new Error(`can't use ${path}: ${stat.size} bytes are more than ${most}`);
    const content = Buffer.alloc(most + 1);
    let length = 0;
    for (let got = 1; got > 0 && length < content.length; length += got) {
      got = readSync(fd, content, length, content.length - length, null);
    }
    if (length > most) throw new Error(`can't use ${path}: more than ${most} bytes`);
    return content.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/** Reads a bearer token: one line of at least 32 characters. @throws Error, a sentence that names the file */
export function readToken(path: string): TokenCheck {
  const text = readSecretFile(path, MOST_LENGTH)
    .toString('latin1')
    .replace(/\r?\n$/, '');
  if (text.length < LEAST_LENGTH) {
    throw new Error(
      `can't use ${path}: a token of ${text.length} characters is too short, ${LEAST_LENGTH} are needed`,
    );
  }
  if (!TOKEN.test(text)) {
    throw new Error(`can't use ${path}: a token is one line of letters, digits and -._~+/=`);
  }
  const expected = digest(text);
  return (given) => timingSafeEqual(digest(given), expected);
}

/** Of equal length for any text, which timingSafeEqual needs and which hides how much was right. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
