/** A read-only file system with a fixed tree: the least that `ls -lR` and `cat` need. */
import {
  type AttrReply,
  type DirentList,
  type EntryReply,
  type FileSystem,
  failure,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
} from '../src/fuse/index.js';

interface Node {
  readonly mode: number;
  /** What a file holds, or where a link leads. */
  readonly content: Buffer;
  readonly names: ReadonlyMap<string, number>;
}

const directory = (names: Record<string, number>): Node => ({
  mode: S_IFDIR | 0o755,
  content: Buffer.alloc(0),
  names: new Map(Object.entries(names)),
});
const leaf = (mode: number, text: string): Node => ({mode, content: Buffer.from(text), names: new Map()});

/** Node ids are places in this list; 1 is the root. */
const nodes: readonly (Node | undefined)[] = [
  undefined,
  directory({'.': 1, '..': 1, 'hello.txt': 2, docs: 3, latest: 5}),
  leaf(S_IFREG | 0o644, 'Hello, world\n'),
  directory({'.': 3, '..': 1, 'guide.txt': 4}),
  leaf(S_IFREG | 0o444, 'Nothing here ever changes.\n'),
  leaf(S_IFLNK | 0o777, 'docs/guide.txt'),
];

/** It never changes, so the kernel may remember everything for a day. */
export class HelloFs implements FileSystem {
  lookup(parent: number, name: Uint8Array, entry: EntryReply): void {
    entry.entryValid = 86400;
    // Left 0 for an unknown name: the kernel remembers that there is none.
    entry.nodeid = this.#node(parent).names.get(Buffer.from(name).toString()) ?? 0;
    if (entry.nodeid !== 0) this.getattr(entry.nodeid, undefined, entry);
  }

  getattr(ino: number, _fh: number | undefined, reply: Pick<AttrReply, 'attr' | 'attrValid'>): void {
    const node = this.#node(ino);
    reply.attrValid = 86400;
    reply.attr.mode = node.mode;
    reply.attr.size = node.content.length;
  }

  readlink(ino: number): Uint8Array {
    return this.#node(ino).content;
  }

  read(ino: number, _fh: number, offset: number, target: Uint8Array): number {
    return this.#node(ino).content.copy(target, 0, offset);
  }

  readdir(ino: number, _fh: number, offset: number, list: DirentList): void {
    const names = [...this.#node(ino).names];
    for (const [index, [name, child]] of names.entries()) {
      const type = this.#node(child).mode >>> 12;
      if (index >= offset && !list.add(child, index + 1, type, Buffer.from(name))) return;
    }
  }

  #node(ino: number): Node {
    const node = nodes[ino];
    if (node === undefined) throw failure('ESTALE');
    return node;
  }
}
