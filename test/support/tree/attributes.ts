import {chmodSync, lchownSync, mkdirSync, symlinkSync} from 'node:fs';
import {IOCTL, ioctl, lsetxattr, mknod, S_IF, setTimes} from '../posix.js';
import {type Chapter, chapterDirectory, file, join, withFile} from './ground.js';

/** Extended attributes of all kinds on files, directories, symlinks and devices; in the inode, in a block, in both, and shared. */
export const xattrs: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'xattrs');
  const {xattrLimit} = ground.traits;
  const make = (name: string): Buffer => {
    const path = join(dir, name);
    file(path, name);
    return path;
  };
  const small = make('small');
  lsetxattr(small, 'user.a', Buffer.from('1'));
  lsetxattr(small, 'user.empty', Buffer.alloc(0));
  const several = make('several');
  for (const name of [
    'user.z',
    'trusted.t',
    'security.fuseward',
    'user.b',
    'user.comment.long.name.with.dots',
  ]) {
    lsetxattr(several, name, ground.random.bytes(1 + ground.random.below(20)));
  }
  lsetxattr(make('longest-name'), `user.${'n'.repeat(250)}`, Buffer.from('v'));
  lsetxattr(make('large'), 'user.large', ground.random.bytes(xattrLimit));
  const both = make('both');
  lsetxattr(both, 'user.tiny', Buffer.from('in the inode'));
  lsetxattr(both, 'user.large', ground.random.bytes(Math.min(xattrLimit, 700)));
  const shared = ground.random.bytes(Math.min(xattrLimit, 600));
  for (let i = 0; i < 20; i++) lsetxattr(make(`shared${i}`), 'user.shared', shared);
  // The one of the kernel's own structures among them: cap_net_raw, version 2, permitted and effective.
  lsetxattr(
    make('capability'),
    'security.capability',
    Buffer.from('0100000200200000000000000000000000000000', 'hex'),
  );
  mkdirSync(join(dir, 'directory'));
  lsetxattr(join(dir, 'directory'), 'user.d', Buffer.from('on a directory'));
  symlinkSync('nowhere', join(dir, 'symlink'));
  lsetxattr(join(dir, 'symlink'), 'trusted.s', Buffer.from('on a symlink'));
  mknod(join(dir, 'fifo'), S_IF.FIFO | 0o600);
  lsetxattr(join(dir, 'fifo'), 'trusted.f', Buffer.from('on a fifo'));
};

/** The value of system.posix_acl_*: version 2 and entries of tag, permissions, id (linux/posix_acl_xattr.h). */
function acl(...entries: ReadonlyArray<readonly [tag: number, perm: number, id?: number]>): Buffer {
  const bytes = Buffer.alloc(4 + 8 * entries.length);
  bytes.writeUInt32LE(2, 0);
  for (const [i, [tag, perm, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + 8 * i);
    bytes.writeUInt16LE(perm, 6 + 8 * i);
    bytes.writeUInt32LE(id ?? 0xffffffff, 8 + 8 * i);
  }
  return bytes;
}

const [USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER] = [1, 2, 4, 8, 16, 32] as const;

/** Access and default access control lists, short and long, and files that inherited one. */
export const acls: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'acls');
  const access = acl(
    [USER_OBJ, 7],
    [USER, 5, 1000],
    [USER, 4, 70000],
    [GROUP_OBJ, 4],
    [GROUP, 6, 100],
    [MASK, 7],
    [OTHER, 1],
  );
  file(join(dir, 'access'), 'x');
  lsetxattr(join(dir, 'access'), 'system.posix_acl_access', access);
  file(join(dir, 'minimal'), 'x');
  lsetxattr(join(dir, 'minimal'), 'system.posix_acl_access', acl([USER_OBJ, 6], [GROUP_OBJ, 4], [OTHER, 0]));
  const heir = join(dir, 'default');
  mkdirSync(heir);
  lsetxattr(heir, 'system.posix_acl_access', access);
  lsetxattr(heir, 'system.posix_acl_default', access);
  mkdirSync(join(heir, 'inherited'));
  file(join(heir, 'inherited-file'), 'x');
  const long = Array.from({length: 30}, (_, i) => [USER, i % 8, 2000 + i] as const);
  file(join(dir, 'long'), 'x');
  lsetxattr(
    join(dir, 'long'),
    'system.posix_acl_access',
    acl([USER_OBJ, 6], ...long, [GROUP_OBJ, 4], [MASK, 7], [OTHER, 0]),
  );
};

/** Fifos, sockets and devices with numbers of the old and the new encoding. */
export const specialFiles: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'special');
  mknod(join(dir, 'fifo'), S_IF.FIFO | 0o640);
  mknod(join(dir, 'socket'), S_IF.SOCK | 0o755);
  for (const [major, minor] of [
    [1, 3],
    [255, 255],
    [256, 1],
    [1, 256],
    [4095, 1048575],
  ] as const) {
    mknod(join(dir, `chr-${major}-${minor}`), S_IF.CHR | 0o666, major, minor);
    mknod(join(dir, `blk-${major}-${minor}`), S_IF.BLK | 0o600, major, minor);
  }
};

/** Targets kept in the inode and in a block, up to the longest. */
export const symlinks: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'symlinks');
  const longest = Math.min(4095, ground.traits.blockSize - 1);
  for (const length of [1, 2, 58, 59, 60, 61, 100, 155, 160, 200, 500, 1000, longest]) {
    symlinkSync(Buffer.alloc(length, 'abcdefghi/'), join(dir, `length-${length}`));
  }
  symlinkSync('.', join(dir, 'self'));
  symlinkSync('/etc/passwd', join(dir, 'absolute'));
  symlinkSync('../sizes/100', join(dir, 'relative'));
  symlinkSync(Buffer.from([0xff, 0x0a, 0x20, 0x80]), join(dir, 'no-utf8'));
};

const SECOND = 1_000_000_000n;
const INSTANTS: bigint[] = [
  -(2n ** 31n) * SECOND,
  -(2n ** 31n) * SECOND + 1n,
  -1n,
  0n,
  1n,
  999_999_999n,
  1_700_000_000n * SECOND + 123_456_789n,
  (2n ** 31n - 1n) * SECOND + 999_999_999n,
  2n ** 31n * SECOND,
  (2n ** 32n - 1n) * SECOND + 1n,
  2n ** 32n * SECOND + 5n,
  (2n ** 33n + 2n ** 31n) * SECOND + 7n,
  (3n * 2n ** 32n + 2n ** 31n - 1n) * SECOND + 999_999_999n,
];

/** Times from 1901 to 2446, as far as the file system goes, on files, directories and symlinks. */
export const times: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'times');
  for (const [i, instant] of INSTANTS.entries()) {
    const other = INSTANTS[(i + 5) % INSTANTS.length]!;
    file(join(dir, `file${i}`), '');
    mkdirSync(join(dir, `dir${i}`));
    symlinkSync('x', join(dir, `link${i}`));
    for (const kind of ['file', 'dir', 'link']) setTimes(join(dir, `${kind}${i}`), instant, other);
  }
};

/** Owners of 16 and 32 bits, and modes with every special bit. */
export const owners: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'owners');
  for (const id of [0, 1, 65534, 65535, 65536, 70000, 0x7fffffff, 0xfffffffe]) {
    const path = join(dir, `id${id}`);
    file(path, '');
    lchownSync(path, id, id === 0 ? 65537 : id - 1);
  }
  for (const mode of [0, 0o400, 0o644, 0o755, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777]) {
    const name = mode.toString(8);
    file(join(dir, `file-${name}`), '');
    mkdirSync(join(dir, `dir-${name}`));
    chmodSync(join(dir, `file-${name}`), mode);
    chmodSync(join(dir, `dir-${name}`), mode);
  }
};

const FILE_FLAGS = {i: 0x10, a: 0x20, d: 0x40, A: 0x80, S: 0x8, s: 0x1, u: 0x2, iad: 0x70};
const DIRECTORY_FLAGS = {D: 0x10000, T: 0x20000, d: 0x40, A: 0x80, i: 0x10};

/** The flags of chattr(1), kept beside the one for extents where the file has it. */
export const fileFlags: Chapter = (ground) => {
  if (!ground.traits.flags) return;
  const dir = chapterDirectory(ground, 'flags');
  const add = (path: Buffer, flags: number, open: string): void =>
    withFile(
      path,
      (fd) => {
        const value = Buffer.alloc(8);
        ioctl(fd, IOCTL.GETFLAGS, value);
        value.writeUInt32LE((value.readUInt32LE(0) | flags) >>> 0);
        ioctl(fd, IOCTL.SETFLAGS, value);
      },
      open,
    );
  for (const [name, flags] of Object.entries(FILE_FLAGS)) {
    file(join(dir, `file-${name}`), name);
    add(join(dir, `file-${name}`), flags, 'r+');
  }
  for (const [name, flags] of Object.entries(DIRECTORY_FLAGS)) {
    mkdirSync(join(dir, `dir-${name}`));
    add(join(dir, `dir-${name}`), flags, 'r');
  }
};
