import {type Act, call, HERE, oneCall, opening, path} from './act.js';

const O_WRONLY = 1;
const O_RDWR = 2;
const O_CREAT = 0o100;
const O_CLOEXEC = 0o2000000;
const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000;
const BLKRRPART = 0x125f;
const FS_IOC_SETFLAGS = 0x40086602;
const S_IFCHR = 0o020000;
/** /dev/mem */
const MEM_DEVICE = 0x101;

const ownProgram = (): Uint8Array => path(process.argv[1] ?? '/');

/** Files, and the image that it holds. */
export const FILE_ACTS: readonly Act[] = [
  opening('open /etc/passwd', 'openat', () => [HERE, path('/etc/passwd'), 0, 0]),
  opening('open its own program', 'openat', () => [HERE, ownProgram(), 0, 0]),
  opening('open its own program as libraries open files', 'openat', () => [HERE, ownProgram(), O_CLOEXEC, 0]),
  opening('open its own program by openat2', 'openat2', () => [HERE, ownProgram(), new Uint8Array(24), 24]),
  opening('open the memory of process 1', 'openat', () => [HERE, path('/proc/1/mem'), O_RDWR, 0]),
  opening("open a manager's memory", 'openat', ({task}) => [
    HERE,
    path(`/proc/${task.manager}/mem`),
    O_RDWR,
    0,
  ]),
  opening("open another server's image", 'openat', ({task}) => [
    HERE,
    path(`/proc/${task.victim}/fd/0`),
    0,
    0,
  ]),
  opening('open the image again to write', 'openat', ({imageFd}) => [
    HERE,
    path(`/proc/self/fd/${imageFd}`),
    O_RDWR,
    0,
  ]),
  opening('list the root directory', 'openat', () => [HERE, path('/'), O_DIRECTORY, 0]),
  {
    name: 'create a file',
    attempt() {
      const answer = call('openat', HERE, path('/fuseward-probe'), O_CREAT | O_WRONLY, 0o600);
      if (answer.result === 'went-through') call('unlinkat', HERE, path('/fuseward-probe'), 0);
      return answer;
    },
  },
  oneCall('delete its own program', 'unlinkat', () => [HERE, ownProgram(), 0]),
  oneCall('rename its own program', 'renameat2', () => [HERE, ownProgram(), HERE, path('/gone'), 0]),
  oneCall('make a device file', 'mknodat', () => [HERE, path('/mem'), S_IFCHR | 0o600, MEM_DEVICE]),
  oneCall('change the mode of the image', 'fchmod', ({imageFd}) => [imageFd, 0o777]),
  oneCall('write to the image, opened read-only', 'write', ({imageFd}) => [imageFd, new Uint8Array(16), 16]),
  oneCall('write to a place in the image', 'pwrite64', ({imageFd}) => [imageFd, new Uint8Array(16), 16, 0]),
  oneCall('cut the image short', 'ftruncate', ({imageFd}) => [imageFd, 0]),
  oneCall('reread the partitions of the image', 'ioctl', ({imageFd}) => [imageFd, BLKRRPART, 0]),
  oneCall('make the image immutable', 'ioctl', ({imageFd}) => [imageFd, FS_IOC_SETFLAGS, new Uint8Array(8)]),
  oneCall('map the image into memory', 'mmap', ({imageFd}) => [0, 4096, 1, 2, imageFd, 0]),
  oneCall('find a file by its handle', 'open_by_handle_at', () => [HERE, new Uint8Array(16), 0]),
  oneCall('change its root directory', 'chroot', () => [path('/')]),
];
