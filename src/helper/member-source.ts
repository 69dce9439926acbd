import {dirname, isAbsolute, join, resolve} from 'node:path';
import {foreignText} from '../service/foreign-text.js';
import {errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {O_NOFOLLOW, O_PATH, type OwnedFd, openFd, statFd} from '../sys/fd.js';
import {errnoWords, MountError, missingWords} from './errors.js';
import {mayHang} from './may-hang.js';
import {type OpenedSource, type Source, sourceOf} from './source.js';

/** Characters of a server's path that messages show. */
const SHOWN = 200;

/** Refuses a file that a server asks for. @param path as it asked @throws MountError `member-denied` (EACCES) */
export function denied(path: string, reason: string): MountError {
  return new MountError(
    {object: foreignText(path, SHOWN), reason, code: 'member-denied'},
    {errno: ERRNO.EACCES},
  );
}

/**
 * Where a file that a server asks for would lie: absolute, without `.` and `..`. What is named beside the source is meant beside the
 * file itself, wherever links led from the name that the caller wrote.
 */
export function memberPath(path: string, source: Source): string {
  const asked = resolve(path);
  const beside = dirname(resolve(source.name));
  const prefix = beside === '/' ? '/' : `${beside}/`;
  return asked.startsWith(prefix) ? join(dirname(source.path), asked.slice(prefix.length)) : asked;
}

/** The pattern that a caller's `-o member=` stands for: relative ones begin where the source lies. */
export function callersPattern(pattern: string, source: Source): string {
  return isAbsolute(pattern) ? pattern : join(dirname(source.path).replace(/[*?\\]/g, '\\$&'), pattern);
}

/**
 * Looks up a further source. Its path was compared with what is listed before anything touched it; the way to it must hold no symbolic
 * link, so that what is found is what was compared.
 *
 * @param path absolute, as `memberPath` has it
 * @param asked the server's own words for it
 * @throws MountError `member-denied`, `source-missing`, `source-kind`, `source-unreadable`
 */
export function openMember(path: string, asked: string, source: Source): OpenedSource {
  // Nobody may keep us waiting by what a file system names. Where the source itself may hang, the whole attempt can be given up.
  if (mayHang(path) && !mayHang(source.path)) {
    throw denied(asked, 'it lies on a network or FUSE file system, and the file that names it does not');
  }
  const name = foreignText(asked, SHOWN);
  const fd = openPath(path, name);
  try {
    const member = sourceOf(name, fd, {given: false, directory: false});
    if (member.path !== path) throw denied(asked, 'the way to it leads over a symbolic link');
    return member;
  } catch (error) {
    fd.close();
    throw error;
  }
}

function openPath(path: string, object: string): OwnedFd {
  try {
    return openFd(path, O_PATH | O_NOFOLLOW);
  } catch (error) {
    const errno = errnoOf(error);
    const missing = errno === ERRNO.ENOENT || errno === ERRNO.ENOTDIR;
    throw new MountError(
      {
        object,
        reason: missing ? missingWords('file or device', path, error) : errnoWords(errno),
        code: missing ? 'source-missing' : 'source-unreadable',
      },
      {errno, cause: error},
    );
  }
}

/** Whether two sources are one file, or one device by whatever names. */
export function isSameSource(a: Source, b: Source): boolean {
  if (a.kind === 'name' || b.kind === 'name') return false;
  if (a.kind === 'block' && b.kind === 'block') return statFd(a.fd.fd).rdev === statFd(b.fd.fd).rdev;
  return a.dev === b.dev && a.ino === b.ino;
}
