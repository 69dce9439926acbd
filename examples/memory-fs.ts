/** A writable file system in memory, gone at unmount: files, directories and extended attributes. */
import {
  applyChanges,
  type EntryReply,
  FATTR_SIZE,
  type FileSystem,
  fail,
  failure,
  LookupCounts,
  S_IFDIR,
} from '../src/fuse/index.js';
import {key, MemoryTree} from './memory-tree.js';

/** The methods in the order of the interface; what it lacks (links, locks, …) the kernel does without. */
export function memoryFs(): FileSystem {
  const tree = new MemoryTree();
  const lookups = new LookupCounts();
  const lookup = (dir: number, name: Uint8Array, entry: EntryReply): void => {
    entry.attr.copy(tree.find(dir, name).attr);
    entry.nodeid = entry.attr.ino;
    lookups.add(entry.nodeid);
  };
  return {
    lookup,
    forget(ino, count) {
      if (lookups.forget(ino, count) && tree.get(ino).attr.nlink === 0) tree.nodes.delete(ino);
    },
    getattr: (ino, _fh, reply) => reply.attr.copy(tree.get(ino).attr),
    setattr(ino, changes, reply) {
      const node = tree.get(ino);
      if ((changes.valid & FATTR_SIZE) !== 0) tree.resize(node, changes.size);
      applyChanges(node.attr, changes, Date.now());
      reply.attr.copy(node.attr);
    },
    mknod(dir, name, mode, _rdev, _umask, entry, ctx) {
      tree.make(dir, name, mode, ctx);
      lookup(dir, name, entry);
    },
    mkdir(dir, name, mode, _umask, entry, ctx) {
      tree.make(dir, name, S_IFDIR | mode, ctx);
      lookup(dir, name, entry);
    },
    unlink: (dir, name) => tree.remove(dir, name),
    rmdir: (dir, name) => tree.remove(dir, name),
    rename(dir, name, newDir, newName, flags) {
      if (flags !== 0) throw failure('EINVAL');
      tree.rename(dir, name, newDir, newName);
    },
    read: (ino, _fh, offset, target) => tree.get(ino).data.copy(target, 0, offset),
    write(ino, _fh, offset, bytes) {
      const node = tree.get(ino);
      tree.resize(node, Math.max(node.data.length, offset + bytes.length));
      node.data.set(bytes, offset);
      return bytes.length;
    },
    setxattr(ino, name, value) {
      tree.get(ino).xattrs.set(key(name), value.slice());
    },
    getxattr: (ino, name) => tree.get(ino).xattrs.get(key(name)) ?? fail('ENODATA'),
    listxattr: (ino) =>
      Buffer.from([...tree.get(ino).xattrs.keys()].map((name) => `${name}\0`).join(''), 'latin1'),
    removexattr(ino, name) {
      if (!tree.get(ino).xattrs.delete(key(name))) throw failure('ENODATA');
    },
    readdir(ino, _fh, offset, list) {
      for (const [name, {node, cookie}] of tree.get(ino).names) {
        const type = node.attr.mode >>> 12;
        if (cookie > offset && !list.add(node.attr.ino, cookie, type, Buffer.from(name, 'latin1'))) return;
      }
    },
  };
}
