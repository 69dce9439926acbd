/**
 * A file system in memory that uses what the memory example leaves out: hard and symbolic links, devices, handles,
 * READDIRPLUS, rename and xattr flags, O_TMPFILE, statx, ioctl, SEEK_HOLE, copy_file_range. Nothing here is for real use.
 */
import * as fuse from '../../../src/fuse/index.js';
import {key, MemoryNodes, type Node} from './memory-nodes.js';

const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const O_TRUNC = 0o1000;
const SEEK_DATA = 3;
const FALLOC_KEEP_SIZE = 1;
const FS_IOC_GETFLAGS = 0x80086601;
const FS_NOATIME_FL = 0x80;
const STATX_BASIC_AND_BTIME = 0xfff;

/** Open files and directories that were not released yet. */
export interface Handles {
  open: number;
}

export function fullMemoryFs(handles: Handles): fuse.FileSystem {
  const nodes = new MemoryNodes();
  const lookups = new fuse.LookupCounts();
  let lastHandle = 0;

  const deliver = (node: Node, entry: fuse.EntryReply): void => {
    entry.nodeid = node.attr.ino;
    entry.attr.copy(node.attr);
    lookups.add(node.attr.ino);
  };
  const dropIfUnused = (node: Node): void => {
    if (node.attr.nlink === 0 && !lookups.has(node.attr.ino)) nodes.drop(node);
  };
  const open = (reply: fuse.OpenReply): void => {
    handles.open++;
    reply.fh = ++lastHandle;
  };
  const release = (): void => {
    handles.open--;
  };
  const remove = (parent: number, name: Uint8Array): void => dropIfUnused(nodes.remove(parent, name));

  return {
    lookup: (parent, name, entry) => deliver(nodes.find(parent, name), entry),
    forget(ino, count) {
      if (lookups.forget(ino, count)) dropIfUnused(nodes.get(ino));
    },
    getattr: (ino, _fh, reply) => reply.attr.copy(nodes.get(ino).attr),
    statx(ino, _fh, _mask, _flags, reply) {
      const {attr, birth} = nodes.get(ino);
      const {rdev, flags: _unused, ...same} = attr;
      Object.assign(reply, same, {mask: STATX_BASIC_AND_BTIME, btime: birth, btimensec: 7});
      reply.rdevMajor = (rdev >>> 8) & 0xfff;
      reply.rdevMinor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
    },
    setattr(ino, changes, reply) {
      const node = nodes.get(ino);
      if ((changes.valid & fuse.FATTR_SIZE) !== 0) nodes.resize(node, changes.size);
      fuse.applyChanges(node.attr, changes, Date.now());
      reply.attr.copy(node.attr);
    },
    readlink: (ino) => nodes.get(ino).data.subarray(0, nodes.get(ino).attr.size),
    symlink(parent, name, target, entry, ctx) {
      const node = nodes.make(fuse.S_IFLNK | 0o777, ctx);
      nodes.write(node, 0, target);
      deliver(nodes.add(parent, name, node), entry);
    },
    mknod(parent, name, mode, rdev, _umask, entry, ctx) {
      const node = nodes.make(mode, ctx);
      node.attr.rdev = rdev;
      deliver(nodes.add(parent, name, node), entry);
    },
    mkdir: (parent, name, mode, _umask, entry, ctx) =>
      deliver(nodes.add(parent, name, nodes.make(fuse.S_IFDIR | mode, ctx)), entry),
    unlink: remove,
    rmdir: remove,
    rename(parent, name, newParent, newName, flags) {
      if (flags === RENAME_EXCHANGE) return nodes.exchange(parent, name, newParent, newName);
      if ((flags & ~RENAME_NOREPLACE) !== 0) throw fuse.failure('EINVAL');
      const old = nodes.get(newParent).names.get(key(newName))?.node;
      if (old && flags === RENAME_NOREPLACE) throw fuse.failure('EEXIST');
      if (old === nodes.find(parent, name)) return;
      if (old) remove(newParent, newName);
      nodes.move(parent, name, newParent, newName);
    },
    link: (ino, newParent, newName, entry) => deliver(nodes.add(newParent, newName, nodes.get(ino)), entry),

    open(ino, flags, reply) {
      if ((flags & O_TRUNC) !== 0) nodes.resize(nodes.get(ino), 0);
      open(reply);
    },
    create(parent, name, mode, _umask, _flags, entry, reply, ctx) {
      deliver(nodes.add(parent, name, nodes.make(mode, ctx)), entry);
      open(reply);
    },
    tmpfile(_parent, mode, _umask, _flags, entry, reply, ctx) {
      deliver(nodes.make(mode, ctx), entry);
      open(reply);
    },
    read: (ino, _fh, offset, target) => nodes.read(nodes.get(ino), offset, target),
    write: (ino, _fh, offset, data) => nodes.write(nodes.get(ino), offset, data),
    flush() {},
    fsync() {},
    release,
    statfs(_ino, reply) {
      Object.assign(reply, {blocks: 1000, bfree: 600, bavail: 500, files: 100, ffree: 50});
    },
    opendir: (_ino, _flags, reply) => open(reply),
    readdir(ino, _fh, offset, list) {
      for (const [name, {node, cookie}] of nodes.get(ino).names) {
        const type = node.attr.mode >>> 12;
        if (cookie > offset && !list.add(node.attr.ino, cookie, type, Buffer.from(name, 'latin1'))) return;
      }
    },
    readdirplus(ino, _fh, offset, list) {
      for (const [name, {node, cookie}] of nodes.get(ino).names) {
        if (cookie <= offset) continue;
        const entry = list.add(Buffer.from(name, 'latin1'), cookie);
        if (entry === undefined) return;
        deliver(node, entry);
      }
    },
    releasedir: release,
    fsyncdir() {},

    getxattr: (ino, name) => nodes.get(ino).xattrs.get(key(name)) ?? fuse.fail('ENODATA'),
    setxattr(ino, name, value, flags) {
      const {xattrs} = nodes.get(ino);
      if (flags === XATTR_CREATE && xattrs.has(key(name))) throw fuse.failure('EEXIST');
      if (flags === XATTR_REPLACE && !xattrs.has(key(name))) throw fuse.failure('ENODATA');
      xattrs.set(key(name), value.slice());
    },
    listxattr: (ino) =>
      Buffer.from([...nodes.get(ino).xattrs.keys()].map((name) => `${name}\0`).join(''), 'latin1'),
    removexattr(ino, name) {
      if (!nodes.get(ino).xattrs.delete(key(name))) throw fuse.failure('ENODATA');
    },

    fallocate(ino, _fh, mode, offset, length) {
      if ((mode & ~FALLOC_KEEP_SIZE) !== 0) throw fuse.failure('EOPNOTSUPP');
      const node = nodes.get(ino);
      if (mode === 0 && offset + length > node.attr.size) nodes.resize(node, offset + length);
    },
    // All data, and the hole after the end that every file has.
    lseek(ino, _fh, offset, whence) {
      const {size} = nodes.get(ino).attr;
      if (offset >= size) throw fuse.failure('ENXIO');
      return whence === SEEK_DATA ? offset : size;
    },
    copyFileRange(ino, _fh, offset, inoOut, _fhOut, offsetOut, length) {
      const {data, attr} = nodes.get(ino);
      const part = data.slice(offset, Math.min(attr.size, offset + length));
      return nodes.write(nodes.get(inoOut), offsetOut, part);
    },
    // The kernel asks for 4 bytes, whatever size is encoded in the number.
    ioctl(_ino, {cmd}) {
      if (cmd !== FS_IOC_GETFLAGS) throw fuse.failure('ENOTTY');
      return {result: 0, data: Uint8Array.of(FS_NOATIME_FL, 0, 0, 0)};
    },
  };
}
