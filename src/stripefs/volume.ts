import type {BlockSource} from '../block/index.js';
import {StripefsError, shown} from './errors.js';
import {HOLE, type Layout, type Piece} from './layout.js';
import type {Member} from './member.js';
import {type Node, nameKey} from './node.js';
import {decodeSuperblock, ROOT_INO, type Superblock} from './superblock.js';

/** A file's bytes cannot be had: its member is shorter than it was, or fails. */
function lacking(member: Member, address: number): StripefsError {
  return new StripefsError(
    'EIO',
    'member-short',
    `member ${shown(member.path)} ends before byte ${address}`,
    {
      member: member.path,
      address,
    },
  );
}

function notA(what: string, errno: string): never {
  throw new StripefsError(errno, 'node-kind', `it is ${what}`);
}

/** Reads a whole superblock. @throws StripefsError; what the source throws */
export function readSuperblock(source: BlockSource, most: number): Superblock {
  // One byte more than may be there tells that there is too much.
  const bytes = new Uint8Array(Math.min(source.size, most + 1));
  const length = source.read(bytes, 0, bytes.length, 0);
  return decodeSuperblock(bytes.subarray(0, length));
}

/** An open file system: its superblock, and the members that files lie on. All of it is read-only. */
export class Volume {
  readonly superblock: Superblock;
  readonly #sources: readonly BlockSource[];
  /** Used again for each look-up. */
  readonly #piece: Piece = {member: HOLE, address: 0, length: 0};

  private constructor(superblock: Superblock, sources: readonly BlockSource[]) {
    this.superblock = superblock;
    this.#sources = sources;
  }

  /**
   * @param sources the members by their paths
   * @throws StripefsError `member-missing`; `member-small` for one with fewer bytes than the superblock says
   */
  static open(superblock: Superblock, sources: ReadonlyMap<string, BlockSource>): Volume {
    const members = superblock.members.map(({path, size}) => {
      const source = sources.get(path);
      if (source === undefined) {
        throw new StripefsError('ENOENT', 'member-missing', `member ${shown(path)} is not there`, {
          member: path,
        });
      }
      if (source.size < size) {
        const reason = `member ${shown(path)} has ${source.size} bytes, and its size is said to be ${size}`;
        throw new StripefsError('EUCLEAN', 'member-small', reason, {member: path, bytes: source.size, size});
      }
      return source;
    });
    return new Volume(superblock, members);
  }

  /** @throws StripefsError ESTALE for a number that no node has */
  node(ino: number): Node {
    const node = this.superblock.nodes[ino - ROOT_INO];
    if (node === undefined) throw new StripefsError('ESTALE', 'no-node', `there is no node ${ino}`, {ino});
    return node;
  }

  /** @throws StripefsError ENOTDIR */
  lookup(directory: Node, name: Uint8Array): Node | undefined {
    return (directory.byName ?? notA('not a directory', 'ENOTDIR')).get(nameKey(name));
  }

  /** @throws StripefsError ENOTDIR */
  children(directory: Node): readonly Node[] {
    return directory.children ?? notA('not a directory', 'ENOTDIR');
  }

  /** @throws StripefsError EINVAL */
  readlink(node: Node): Uint8Array {
    return node.target ?? notA('not a symbolic link', 'EINVAL');
  }

  /**
   * Reads from a file's byte `offset` on into all of `target`, each chunk with one read of its member.
   * @returns how many bytes; fewer only where the file ends
   * @throws StripefsError EIO where a member is shorter than it was; what its source throws
   */
  read(node: Node, offset: number, target: Uint8Array): number {
    const layout = this.layout(node);
    const length = Math.max(0, Math.min(target.length, node.size - offset));
    const piece = this.#piece;
    // Ends: each piece has a byte at least, because the extents reach to the end of the file.
    for (let done = 0; done < length; done += piece.length) {
      layout.locate(offset + done, piece);
      piece.length = Math.min(piece.length, length - done);
      if (piece.member === HOLE) target.fill(0, done, done + piece.length);
      else this.#fill(piece, target, done);
    }
    return length;
  }

  /** SEEK_DATA and SEEK_HOLE of lseek(2). @throws StripefsError ENXIO */
  seek(node: Node, offset: number, wanted: 'data' | 'hole'): number {
    const layout = this.layout(node);
    if (offset < 0 || offset >= node.size) return nothingThere(offset);
    let at = offset;
    // Ends: the next extent begins behind this one.
    for (let index = layout.indexOf(offset); at < node.size; index++, at = layout.startOf(index)) {
      const isHole = layout.extents[index]!.strips.length === 0;
      if (isHole === (wanted === 'hole')) return at;
    }
    // The end of a file counts as a hole.
    return wanted === 'hole' ? node.size : nothingThere(offset);
  }

  /** Where a file's bytes are. @throws StripefsError EISDIR, EINVAL */
  layout(node: Node): Layout {
    return node.layout ?? notA(`a ${node.type}`, node.type === 'directory' ? 'EISDIR' : 'EINVAL');
  }

  #fill({member, address, length}: Piece, target: Uint8Array, at: number): void {
    // The superblock names no other members than those that were opened.
    const count = this.#sources[member]!.read(target, at, length, address);
    if (count < length) throw lacking(this.superblock.members[member]!, address + count);
  }
}

function nothingThere(offset: number): never {
  throw new StripefsError('ENXIO', 'no-data', 'there is nothing more', {offset});
}
