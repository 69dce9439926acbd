import {Place} from './errors.js';
import {decodeExtent, type Ground} from './extent.js';
import {Fields, listOf, powerOfTwo} from './fields.js';
import {parseJson} from './json-text.js';
import {Layout} from './layout.js';
import {BLOCK_SIZE, MOST_BYTES, MOST_DEPTH, MOST_EXTENTS, MOST_NODES} from './limits.js';
import {decodeMembers, type Member} from './member.js';
import {
  attributesOf,
  NODE_FIELDS,
  type Node,
  type NodeType,
  nameKey,
  nameOf,
  sizeOf,
  targetOf,
  typeOf,
} from './node.js';
import {Space} from './space.js';

/** What `format` says in every superblock. */
export const FORMAT = 'fuseward-stripefs';
/** The version that is read and written here. */
export const VERSION = 1;
export const ROOT_INO = 1;

/** A file system as its superblock describes it, every number checked. */
export interface Superblock {
  /** Bytes: what offsets on members and lengths of extents are multiples of. */
  readonly blockSize: number;
  readonly members: readonly Member[];
  /** Number `n` is at index `n - 1`. */
  readonly nodes: readonly Node[];
}

const TOP_FIELDS: ReadonlySet<string> = new Set([
  'format',
  'version',
  'blockSize',
  'sharedExtents',
  'members',
  'root',
]);

const ROOT_FIELDS: ReadonlySet<string> = new Set(
  [...NODE_FIELDS.directory].filter((name) => name !== 'name'),
);

/** Where a node is in the tree. */
interface Position {
  readonly name: string;
  readonly type: NodeType;
  /** Number of the directory that it is in. */
  readonly parent: number;
  /** How many directories are above it. */
  readonly depth: number;
}

/** Reads the tree. Nodes are counted and every level goes one deeper, so that it ends. */
class TreeReader {
  readonly nodes: Node[] = [];
  readonly #ground: Ground;
  readonly #space: Space;
  #extents = 0;

  constructor(ground: Ground, space: Space) {
    this.#ground = ground;
    this.#space = space;
  }

  /** The root directory. @throws StripefsError */
  root(value: unknown): void {
    const place = Place.TOP.file('');
    if (typeOf(value, place) !== 'directory') place.field('type').refuse('root-type', 'must be "directory"');
    this.#node(new Fields(value, place, ROOT_FIELDS), {
      name: '',
      type: 'directory',
      parent: ROOT_INO,
      depth: 0,
    });
  }

  #entry(value: unknown, place: Place, parent: number, depth: number): Node {
    const type = typeOf(value, place);
    // Told by its place in the list until its name is known to be one.
    const name = nameOf(new Fields(value, place, NODE_FIELDS[type]));
    const fields = new Fields(value, place.file(name), NODE_FIELDS[type]);
    return this.#node(fields, {name, type, parent, depth});
  }

  #node(fields: Fields, {name, type, parent, depth}: Position): Node {
    if (this.nodes.length === MOST_NODES) {
      fields.place.refuse('too-many-nodes', `is one more than ${MOST_NODES}`);
    }
    const ino = this.nodes.length + 1;
    const node = {ino, parent, name: Buffer.from(name), type, size: 0, ...attributesOf(fields)};
    // Its number comes before those of what is in it.
    this.nodes.push(node);
    return Object.assign(node, this.#content(type, fields, ino, depth));
  }

  #content(type: Node['type'], fields: Fields, ino: number, depth: number): Partial<Node> {
    switch (type) {
      case 'file':
        return this.#file(fields);
      case 'symlink': {
        const target = targetOf(fields);
        return {target, size: target.length};
      }
      case 'directory':
        return this.#directory(fields, ino, depth);
    }
  }

  #directory(fields: Fields, ino: number, depth: number): Partial<Node> {
    const place = fields.place.field('entries');
    if (depth > MOST_DEPTH) fields.place.refuse('depth', `lies more than ${MOST_DEPTH} directories deep`);
    const entries = listOf(fields.get('entries'), place, MOST_NODES);
    const byName = new Map<string, Node>();
    const children = entries.map((entry, index) => {
      const child = this.#entry(entry, place.item(index), ino, depth + 1);
      const key = nameKey(child.name);
      if (byName.has(key)) place.item(index).refuse('name-twice', 'has a name that is there already');
      byName.set(key, child);
      return child;
    });
    return {children, byName};
  }

  #file(fields: Fields): Partial<Node> {
    const size = sizeOf(fields);
    const place = fields.place.field('extents');
    const list = listOf(fields.get('extents'), place, MOST_EXTENTS);
    let length = 0;
    const extents = list.map((value, index) => {
      const at = place.item(index);
      if (length >= size) at.refuse('extent-behind-end', 'begins behind the end of the file', {size});
      const extent = decodeExtent(value, at, this.#ground);
      length += extent.length;
      this.#extents += Math.max(1, extent.strips.length);
      if (this.#extents > MOST_EXTENTS) at.refuse('too-many-extents', `is one more than ${MOST_EXTENTS}`);
      if (length > 2 * MOST_BYTES) at.refuse('number', 'makes the file too long');
      this.#space.claim(extent, at);
      return extent;
    });
    if (length < size) {
      place.refuse('extents-short', `hold ${length} bytes of a file that has ${size}`, {length, size});
    }
    return {size, layout: new Layout(extents)};
  }
}

/**
 * Reads a superblock, which may be anybody's.
 *
 * @throws StripefsError EINVAL for what is no superblock at all, EOPNOTSUPP for one of another version, EUCLEAN for one that does
 * not hold together, naming the file and the field
 */
export function decodeSuperblock(bytes: Uint8Array): Superblock {
  const value = parseJson(bytes);
  const place = Place.TOP;
  if ((value as {format?: unknown} | null)?.format !== FORMAT) {
    place.field('format').refuse('not-stripefs', `is not ${JSON.stringify(FORMAT)}`, {}, 'EINVAL');
  }
  const version = (value as {version?: unknown}).version;
  if (version !== VERSION) {
    place.field('version').refuse('version', `must be ${VERSION}, the only one known here`, {}, 'EOPNOTSUPP');
  }
  const fields = new Fields(value, place, TOP_FIELDS);
  const blockSize = powerOfTwo(fields.get('blockSize'), place.field('blockSize'), BLOCK_SIZE);
  const shared = fields.has('sharedExtents') ? fields.get('sharedExtents') : false;
  if (typeof shared !== 'boolean') place.field('sharedExtents').refuse('boolean', 'must be true or false');
  const members = decodeMembers(fields.get('members'), place.field('members'));
  const space = new Space(members.map(({size}) => size));
  const reader = new TreeReader({blockSize, members: members.length}, space);
  reader.root(fields.get('root'));
  if (shared !== true) space.checkDisjoint();
  return {blockSize, members, nodes: reader.nodes};
}
