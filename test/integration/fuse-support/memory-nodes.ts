import {Attr, fail, failure, S_IFDIR} from '../../../src/fuse/index.js';

export class Node {
  readonly attr = Object.assign(new Attr(), {nlink: 0});
  readonly xattrs = new Map<string, Uint8Array>();
  /** Names of a directory. Cookies grow and are never used again, so listings survive changes. */
  readonly names = new Map<string, {readonly node: Node; readonly cookie: number}>();
  /** Seconds since 1970 when it was made. */
  readonly birth = Math.floor(Date.now() / 1000);
  /** What a file holds (its first attr.size bytes), or where a link leads. */
  data: Uint8Array = new Uint8Array(0);
}

/** A name as key of a map; latin1 keeps every byte. */
export const key = (name: Uint8Array): string => Buffer.from(name).toString('latin1');

/** The tree of `full-memory-fs.ts`. */
export class MemoryNodes {
  readonly #nodes = new Map<number, Node>();
  #last = 0;

  constructor() {
    this.make(S_IFDIR | 0o755, {uid: 0, gid: 0}).attr.nlink = 1;
  }

  get(ino: number): Node {
    return this.#nodes.get(ino) ?? fail('ESTALE');
  }

  find(parent: number, name: Uint8Array): Node {
    return this.get(parent).names.get(key(name))?.node ?? fail('ENOENT');
  }

  make(mode: number, {uid, gid}: {uid: number; gid: number}): Node {
    const node = new Node();
    this.#nodes.set(++this.#last, node);
    Object.assign(node.attr, {ino: this.#last, mode, uid, gid}).touch(Date.now(), 'atime', 'mtime', 'ctime');
    return node;
  }

  drop(node: Node): void {
    this.#nodes.delete(node.attr.ino);
  }

  add(parent: number, name: Uint8Array, node: Node): Node {
    this.#setName(parent, name, node);
    node.attr.nlink++;
    node.attr.touch(Date.now(), 'ctime');
    return node;
  }

  /** Takes a name away and returns the node, which may have none left. */
  remove(parent: number, name: Uint8Array): Node {
    const node = this.find(parent, name);
    if (node.names.size > 0) throw failure('ENOTEMPTY');
    this.#setName(parent, name);
    node.attr.nlink--;
    node.attr.touch(Date.now(), 'ctime');
    return node;
  }

  move(parent: number, name: Uint8Array, newParent: number, newName: Uint8Array): void {
    const node = this.find(parent, name);
    this.#setName(parent, name);
    this.#setName(newParent, newName, node);
    node.attr.touch(Date.now(), 'ctime');
  }

  exchange(parent: number, name: Uint8Array, newParent: number, newName: Uint8Array): void {
    const first = this.find(parent, name);
    const second = this.find(newParent, newName);
    this.#setName(parent, name, second);
    this.#setName(newParent, newName, first);
  }

  read(node: Node, offset: number, target: Uint8Array): number {
    const part = node.data.subarray(offset, Math.min(node.attr.size, offset + target.length));
    target.set(part);
    return part.length;
  }

  write(node: Node, offset: number, data: Uint8Array): number {
    this.resize(node, Math.max(node.attr.size, offset + data.length));
    node.data.set(data, offset);
    return data.length;
  }

  resize(node: Node, size: number): void {
    if (size > 2 ** 30) throw failure('EFBIG');
    if (size > node.data.length) node.data = Buffer.concat([node.data], Math.max(size, 2 * node.data.length));
    node.data.fill(0, size);
    node.attr.size = size;
    node.attr.blocks = Math.ceil(size / 512);
    node.attr.touch(Date.now(), 'mtime', 'ctime');
  }

  #setName(parent: number, name: Uint8Array, node?: Node): void {
    const dir = this.get(parent);
    dir.names.delete(key(name));
    if (node) dir.names.set(key(name), {node, cookie: ++this.#last});
    dir.attr.touch(Date.now(), 'mtime', 'ctime');
  }
}
