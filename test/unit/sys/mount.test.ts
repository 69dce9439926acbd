import assert from 'node:assert/strict';
import {mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, test} from 'vitest';
import {closeAll, O_DIRECTORY, O_NOFOLLOW, O_PATH, openFd} from '../../../src/sys/fd.js';
import {
  fchdir,
  fsContextMessages,
  fsconfigCreate,
  fsconfigFd,
  fsconfigFlag,
  fsconfigString,
  fsmount,
  fsopen,
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MS_NODEV,
  MS_NOSUID,
  MS_RDONLY,
  mountAt,
  moveMount,
  openTree,
  UMOUNT_NOFOLLOW,
  umount,
} from '../../../src/sys/mount.js';
import {mountAtPath, readMounts} from '../../../src/sys/mount-info.js';
import {isRoot, openDescriptors, scratchDirectory} from './scratch.js';

let directory: string;
let target: string;
let before: string[];

beforeEach(() => {
  directory = scratchDirectory();
  target = join(directory, 'target');
  mkdirSync(target);
  before = openDescriptors();
});

afterEach(() => {
  const left = readMounts().filter((entry) => entry.target.startsWith(directory));
  for (const entry of left.reverse()) umount(entry.target, MNT_DETACH);
  rmSync(directory, {recursive: true});
  assert.deepEqual(
    left.map((entry) => entry.target),
    [],
    'mounts left',
  );
  assert.deepEqual(openDescriptors(), before, 'descriptors left open');
});

const rootTest = test.skipIf(!isRoot);

/** A tmpfs on the target by the new interface, as the helper mounts: configure, create, attach to an fd. */
function mountTmpfs(path = target): void {
  const context = fsopen('tmpfs');
  const place = openFd(path, O_PATH | O_NOFOLLOW | O_DIRECTORY);
  fsconfigString(context.fd, 'source', 'a source');
  fsconfigString(context.fd, 'size', '65536');
  fsconfigFlag(context.fd, 'ro');
  fsconfigCreate(context.fd);
  const mounted = fsmount(context.fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  moveMount(mounted.fd, place.fd);
  closeAll([context, place, mounted]);
}

rootTest('a mount by fsopen, fsconfig, fsmount, move_mount (needs root)', () => {
  mountTmpfs();
  const entry = mountAtPath(target);
  assert.deepEqual([entry?.fsType, entry?.source], ['tmpfs', 'a source']);
  assert.ok(entry?.options.includes('nosuid') && entry.options.includes('nodev'));
  assert.ok(entry?.superOptions.includes('ro') && entry.superOptions.includes('size=64k'));
  umount(target, UMOUNT_NOFOLLOW);
  assert.equal(mountAtPath(target), undefined);
});

rootTest('the mount lands on the opened directory although its path was swapped (needs root)', () => {
  const context = fsopen('tmpfs');
  const place = openFd(target, O_PATH | O_NOFOLLOW | O_DIRECTORY);
  fsconfigCreate(context.fd);
  const mounted = fsmount(context.fd, 0);
  renameSync(target, join(directory, 'moved'));
  symlinkSync('/tmp', target);
  moveMount(mounted.fd, place.fd);
  closeAll([context, place, mounted]);
  assert.equal(mountAtPath(join(directory, 'moved'))?.fsType, 'tmpfs');
  assert.equal(mountAtPath(target), undefined);
  assert.throws(() => umount(target, UMOUNT_NOFOLLOW), {code: 'EINVAL'});
  umount(join(directory, 'moved'), UMOUNT_NOFOLLOW);
});

rootTest('a mount that is dropped before it is attached leaves nothing (needs root)', () => {
  const count = readMounts().length;
  const context = fsopen('tmpfs');
  fsconfigCreate(context.fd);
  closeAll([context, fsmount(context.fd, 0)]);
  assert.equal(readMounts().length, count);
});

rootTest('the kernel tells what it did not like (needs root)', () => {
  const context = fsopen('fuse');
  assert.deepEqual(fsContextMessages(context.fd), []);
  assert.throws(() => fsconfigString(context.fd, 'nonsense', '1'), {
    code: 'EINVAL',
    call: 'fsconfig(nonsense)',
    object: `fd ${context.fd}`,
  });
  assert.match(fsContextMessages(context.fd).join(), /^e .*nonsense/);
  assert.deepEqual(fsContextMessages(context.fd), [], 'read once');
  assert.throws(() => fsconfigCreate(context.fd), {code: 'EINVAL', call: 'fsconfig(CMD_CREATE)'});
  context.close();
});

rootTest('a directory can not be mounted on a file (needs root)', () => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const context = fsopen('tmpfs');
  fsconfigCreate(context.fd);
  const mounted = fsmount(context.fd, 0);
  const place = openFd(file, O_PATH);
  assert.throws(() => moveMount(mounted.fd, place.fd), {code: 'EINVAL', call: 'move_mount'});
  closeAll([context, mounted, place]);
});

rootTest('a descriptor as a parameter (needs root)', () => {
  const context = fsopen('fuse');
  const device = openFd('/dev/null', O_PATH);
  assert.throws(() => fsconfigFd(context.fd, 'fd', device.fd), {name: 'Errno', call: 'fsconfig(fd)'});
  closeAll([context, device]);
});

rootTest('a tree can be copied to another place (needs root)', () => {
  const second = join(directory, 'second');
  mkdirSync(second);
  mountTmpfs();
  const copy = openTree(-100, target, {clone: true});
  const place = openFd(second, O_PATH);
  moveMount(copy.fd, place.fd);
  closeAll([copy, place]);
  assert.equal(mountAtPath(second)?.source, 'a source');
  umount(second);
  umount(target);
});

rootTest('mount(2) relative to a directory that was entered by descriptor (needs root)', () => {
  const place = openFd(target, O_PATH | O_DIRECTORY);
  const here = process.cwd();
  try {
    fchdir(place.fd);
    mountAt('source', '.', 'tmpfs', MS_NOSUID | MS_NODEV | MS_RDONLY, 'size=64k,mode=0700');
  } finally {
    process.chdir(here);
    place.close();
  }
  const entry = mountAtPath(target);
  assert.deepEqual(
    [entry?.source, entry?.options.slice(0, 3), entry?.superOptions.includes('mode=700')],
    ['source', ['ro', 'nosuid', 'nodev'], true],
  );
  umount(target);
});

rootTest('mounts stack, and come off one by one (needs root)', () => {
  mountAt('below', target, 'tmpfs', 0);
  mountAt('above', target, 'tmpfs', 0);
  assert.equal(mountAtPath(target)?.source, 'above');
  umount(target);
  assert.equal(mountAtPath(target)?.source, 'below');
  umount(target);
});

const failures: Array<[what: string, run: () => void, code: string, call: string, object?: string]> = [
  ['an unknown type', () => fsopen('nosuchfs').close(), 'ENODEV', 'fsopen', 'nosuchfs'],
  ['a type with a NUL', () => fsopen('tmpfs\0x').close(), 'EINVAL', 'fsopen'],
  ['unmounting what is not mounted', () => umount(target), 'EINVAL', 'umount2'],
  ['unmounting what is not there', () => umount(join(directory, 'none')), 'ENOENT', 'umount2'],
  [
    'mounting on what is not there',
    () => mountAt('x', join(directory, 'none'), 'tmpfs', 0),
    'ENOENT',
    'mount',
  ],
  ['options of more than a page', () => mountAt('x', target, 'tmpfs', 0, 'a'.repeat(4096)), 'E2BIG', 'mount'],
  [
    'a key on what is no context',
    () => fsconfigString(0, 'source', 'x'),
    'EINVAL',
    'fsconfig(source)',
    'fd 0',
  ],
  ['a value with a NUL', () => fsconfigString(0, 'source', 'x\0'), 'EINVAL', 'fsconfig(source)'],
  ['a bad descriptor', () => fchdir(9999), 'EBADF', 'fchdir', 'fd 9999'],
];
for (const [what, run, code, call, object] of failures) {
  rootTest(`${what}: ${code} (needs root)`, () => {
    assert.throws(run, {name: 'Errno', code, call, ...(object === undefined ? {} : {object})});
  });
}

test('a string longer than the kernel takes is an error, not cut (needs root)', {skip: !isRoot}, () => {
  const context = fsopen('tmpfs');
  assert.throws(() => fsconfigString(context.fd, 'source', 's'.repeat(300)), {name: 'Errno'});
  context.close();
});
