import {OwnedFd} from './fd.js';
import {checked, cText, native} from './libc.js';

const init = native<[flags: number]>('inotify_init1', 'int', ['int']);
const addWatch = native<[fd: number, path: string, mask: number]>('inotify_add_watch', 'int', [
  'int',
  'str',
  'uint',
]);

/** IN_CLOEXEC and IN_NONBLOCK of sys/inotify.h, which are O_CLOEXEC and O_NONBLOCK. */
const FLAGS = 0o2004000;
const IN_MODIFY = 0x2;
const IN_DELETE_SELF = 0x400;

/** A descriptor that becomes readable when the file at `path` is changed or goes, inotify(7). @throws Errno ENOENT */
export function watchFile(path: string): OwnedFd {
  const watch = new OwnedFd(checked(init()(FLAGS), 'inotify_init1'));
  try {
    checked(
      addWatch()(watch.fd, cText(path, 'inotify'), IN_MODIFY | IN_DELETE_SELF),
      'inotify_add_watch',
      path,
    );
    return watch;
  } catch (error) {
    watch.close();
    throw error;
  }
}
