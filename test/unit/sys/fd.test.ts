import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, test} from 'vitest';
import {
  flockFd,
  isCloseOnExec,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  OwnedFd,
  openAtFd,
  openFd,
  openFlags,
  reopenFd,
  sameFile,
  setCloseOnExec,
  statFd,
} from '../../../src/sys/fd.js';
import {openDescriptors, scratchDirectory} from './scratch.js';

let directory: string;
let before: string[];

beforeEach(() => {
  directory = scratchDirectory();
  before = openDescriptors();
});

afterEach(() => {
  rmSync(directory, {recursive: true});
  assert.deepEqual(openDescriptors(), before, 'descriptors left open');
});

test('an owned descriptor closes once, and its number is then of no use', () => {
  const fd = openFd('/dev/null', O_RDONLY);
  const number = fd.fd;
  fd.close();
  assert.equal(fd.closed, true);
  const taker = openFd('/dev/zero', O_RDONLY);
  assert.equal(taker.fd, number, 'the number is free again');
  fd.close();
  assert.doesNotThrow(() => statFd(taker.fd), 'the second close left the new owner alone');
  assert.throws(() => fd.fd, {code: 'EBADF'});
  assert.throws(() => fd.dup(), {code: 'EBADF'});
  assert.throws(() => fd.release(), {code: 'EBADF'});
  taker.close();
});

test('release hands the number over open', () => {
  const fd = openFd('/dev/null', O_RDONLY);
  const number = fd.release();
  fd.close();
  const again = new OwnedFd(number);
  assert.doesNotThrow(() => statFd(again.fd));
  again[Symbol.dispose]();
  assert.throws(() => statFd(number), {code: 'EBADF', object: `fd ${number}`});
});

test('what is no descriptor number is refused', () => {
  for (const number of [-1, 1.5, Number.NaN]) assert.throws(() => new OwnedFd(number), {code: 'EBADF'});
});

test('a duplicate shares the open file description', () => {
  const path = join(directory, 'file');
  writeFileSync(path, 'x');
  const fd = openFd(path, O_RDWR);
  const copy = fd.dup();
  assert.ok(sameFile(fd.fd, copy.fd) && isCloseOnExec(copy.fd));
  flockFd(fd.fd, {exclusive: true, nonBlocking: true});
  flockFd(copy.fd, {exclusive: true, nonBlocking: true}); // the same description, so no conflict
  const other = openFd(path, O_RDWR);
  assert.throws(() => flockFd(other.fd, {exclusive: false, nonBlocking: true}), {
    code: 'EAGAIN',
    call: 'flock',
  });
  fd.close();
  assert.throws(() => flockFd(other.fd, {exclusive: false, nonBlocking: true}), {code: 'EAGAIN'});
  copy.close();
  flockFd(other.fd, {exclusive: true, nonBlocking: true});
  other.close();
});

test('everything is opened close-on-exec, which can be taken off for a child', () => {
  const fd = openFd('/dev/null', O_RDONLY);
  const seenByChild = (): boolean => {
    const check = 'process.exit(require("fs").existsSync("/proc/self/fd/" + process.argv[1]) ? 0 : 1)';
    // Node marks every descriptor close-on-exec as it forks; sh keeps those it is told by redirection.
    const script = `exec ${process.execPath} -e '${check}' ${fd.fd}`;
    return spawnSync('sh', ['-c', script], {stdio: 'ignore'}).status === 0;
  };
  assert.equal(isCloseOnExec(fd.fd), true);
  assert.equal(seenByChild(), false);
  setCloseOnExec(fd.fd, false);
  assert.equal(isCloseOnExec(fd.fd), false);
  setCloseOnExec(fd.fd, true);
  assert.equal(isCloseOnExec(fd.fd), true);
  fd.close();
  assert.throws(() => setCloseOnExec(9999, true), {code: 'EBADF'});
});

const failures: Array<[what: string, open: () => OwnedFd, code: string, call: string]> = [
  ['a missing file', () => openFd(join(directory, 'none'), O_RDONLY), 'ENOENT', 'open'],
  [
    'a symbolic link with O_NOFOLLOW',
    () => openFd(join(directory, 'link'), O_RDONLY | O_NOFOLLOW),
    'ELOOP',
    'open',
  ],
  [
    'a file with O_DIRECTORY',
    () => openFd(join(directory, 'file'), O_RDONLY | O_DIRECTORY),
    'ENOTDIR',
    'open',
  ],
  [
    'an existing file exclusively',
    () => openFd(join(directory, 'file'), O_WRONLY | O_CREAT | O_EXCL, 0o600),
    'EEXIST',
    'open',
  ],
  ['a path with a NUL', () => openFd(`${directory}/file\0x`, O_RDONLY), 'EINVAL', 'open'],
  ['a name of 256 bytes', () => openFd(join(directory, 'n'.repeat(256)), O_RDONLY), 'ENAMETOOLONG', 'open'],
  ['below a bad directory fd', () => openAtFd(9999, 'file', O_RDONLY), 'EBADF', 'openat'],
];
for (const [what, open, code, call] of failures) {
  test(`opening ${what} is ${code}`, () => {
    writeFileSync(join(directory, 'file'), '');
    symlinkSync('file', join(directory, 'link'));
    assert.throws(open, {name: 'Errno', code, call});
  });
}

test('created files get the mode, and openat is relative to the directory', () => {
  const folder = openFd(directory, O_RDONLY | O_DIRECTORY);
  const file = openAtFd(folder.fd, 'new', O_RDWR | O_CREAT | O_EXCL, 0o640);
  assert.equal(Number(statFd(file.fd).mode & 0o777n), 0o640 & ~process.umask());
  assert.equal(openFlags(file.fd) & 3, O_RDWR);
  assert.equal(readFileSync(join(directory, 'new'), 'utf8'), '');
  file.close();
  folder.close();
});

test('reopening goes to the same file whatever happened to its path', () => {
  const path = join(directory, 'file');
  writeFileSync(path, 'first');
  const handle = openFd(path, O_PATH | O_NOFOLLOW);
  renameSync(path, join(directory, 'moved'));
  writeFileSync(path, 'second');
  const opened = reopenFd(handle.fd, O_RDONLY | O_NOFOLLOW);
  assert.equal(readFileSync(opened.fd, 'utf8'), 'first');
  assert.ok(sameFile(handle.fd, opened.fd) && isCloseOnExec(opened.fd));
  const other = openFd(path, O_RDONLY);
  assert.equal(sameFile(handle.fd, other.fd), false);
  for (const fd of [handle, opened, other]) fd.close();
});

test('reopening cannot widen what the file allows', () => {
  mkdirSync(join(directory, 'folder'));
  const handle = openFd(join(directory, 'folder'), O_PATH);
  assert.throws(() => reopenFd(handle.fd, O_RDWR), {code: 'EISDIR'});
  handle.close();
  assert.throws(() => reopenFd(9999, O_RDONLY), {code: 'ENOENT'});
});

test('a symbolic link opened itself is not followed by the reopening', () => {
  writeFileSync(join(directory, 'file'), 'target');
  symlinkSync('file', join(directory, 'link'));
  const link = openFd(join(directory, 'link'), O_PATH | O_NOFOLLOW);
  assert.throws(() => reopenFd(link.fd, O_RDONLY), {name: 'Errno'});
  link.close();
});
