/** The tree behind `memory-fs.ts`: nodes by number, and what happens to names and sizes. */
import {Attr, fail, failure, S_IFDIR} from '../src/fuse/index.js';

export class Node {
  readonly attr = new Attr();
  readonly xattrs = new Map<string, Uint8Array>();
  /** Names of a directory. Cookies grow and are never used again, so listings survive changes. */
  readonly names = new Map<string, {readonly node: Node; readonly cookie: number}>();
  data: Buffer = Buffer.alloc(0);
}

/** A name as key of a map; latin1 keeps every byte. */
export const key = (name: Uint8Array): string => Buffer.from(name).toString('latin1');

export class MemoryTree {
  readonly nodes = new Map<number, Node>();
  /** Node ids and cookies come from the same count. */
  #last = 0;

  constructor() {
    this.#node(S_IFDIR | 0o755, {uid: 0, gid: 0});
  }

  get(ino: number): Node {
    return this.nodes.get(ino) ?? fail('ESTALE');
  }

  find(dir: number, name: Uint8Array): Node {
    return this.get(dir).names.get(key(name))?.node ?? fail('ENOENT');
  }

  make(dir: number, name: Uint8Array, mode: number, owner: {uid: number; gid: number}): void {
    this.#setName(this.get(dir), name, this.#node(mode, owner));
  }

  /** The node goes when the kernel forgets it; until then those who have it open still use it. */
  remove(dir: number, name: Uint8Array): void {
    const node = this.find(dir, name);
    if (node.names.size > 0) throw failure('ENOTEMPTY');
    node.attr.nlink = 0;
    this.#setName(this.get(dir), name);
  }

  rename(dir: number, name: Uint8Array, newDir: number, newName: Uint8Array): void {
    const node = this.find(dir, name);
    if (this.get(newDir).names.has(key(newName))) this.remove(newDir, newName);
    this.#setName(this.get(dir), name);
    this.#setName(this.get(newDir), newName, node);
  }

  resize(node: Node, size: number): void {
    if (size > 2 ** 30) throw failure('EFBIG');
    if (size !== node.data.length) node.data = Buffer.concat([node.data], size);
    node.attr.size = size;
    node.attr.touch(Date.now(), 'mtime', 'ctime');
  }

  #node(mode: number, {uid, gid}: {uid: number; gid: number}): Node {
    const node = new Node();
    this.nodes.set(++this.#last, node);
    Object.assign(node.attr, {ino: this.#last, mode, uid, gid}).touch(Date.now(), 'atime', 'mtime', 'ctime');
    return node;
  }

  #setName(dir: Node, name: Uint8Array, node?: Node): void {
    dir.names.delete(key(name));
    if (node) dir.names.set(key(name), {node, cookie: ++this.#last});
    dir.attr.touch(Date.now(), 'mtime', 'ctime');
  }
}
