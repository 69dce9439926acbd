import type {Place} from './errors.js';
import {type Fields, listOf, textOf, wholeNumber} from './fields.js';
import type {Layout} from './layout.js';
import {MOST_BYTES, MOST_ID, MOST_SECONDS, NAME_MOST_BYTES, TARGET_MOST_BYTES} from './limits.js';

/** Seconds since 1970, and nanoseconds on top. */
export interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export type NodeType = 'file' | 'directory' | 'symlink';

/** A file, directory or symbolic link. */
export interface Node {
  /** Its number from 1, the root, on, in the order of the superblock: the same each time that superblock is read. */
  readonly ino: number;
  /** The directory that it is in; the root's is itself. */
  readonly parent: number;
  /** UTF-8; empty for the root. */
  readonly name: Uint8Array;
  readonly type: NodeType;
  /** Permission bits, set-ID and sticky bits among them; no type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
  /** Bytes of a file, or of a symbolic link's target. */
  readonly size: number;
  /** Of files. */
  readonly layout?: Layout;
  /** Of symbolic links. */
  readonly target?: Uint8Array;
  /** Of directories: what is in them, in order, and by name as `nameKey` has it. */
  readonly children?: readonly Node[];
  readonly byName?: ReadonlyMap<string, Node>;
}

const COMMON = ['name', 'type', 'mode', 'uid', 'gid', 'atime', 'mtime', 'ctime'];
/** Fields that a node of each type may have. */
export const NODE_FIELDS: Readonly<Record<NodeType, ReadonlySet<string>>> = {
  file: new Set([...COMMON, 'size', 'extents']),
  directory: new Set([...COMMON, 'entries']),
  symlink: new Set([...COMMON, 'target']),
};

/** What all types have in common, as the superblock says it. */
export type Attributes = Pick<Node, 'mode' | 'uid' | 'gid' | 'atime' | 'mtime' | 'ctime'>;

/** The type of a node. @throws StripefsError `node-type` */
export function typeOf(value: unknown, place: Place): NodeType {
  const type = (value as {type?: unknown} | null)?.type;
  if (typeof type === 'string' && Object.hasOwn(NODE_FIELDS, type)) return type as NodeType;
  return place.field('type').refuse('node-type', 'must be "file", "directory" or "symlink"');
}

/** A name: what the kernel takes for one. @throws StripefsError `text`, `name` */
export function nameOf(fields: Fields): string {
  const place = fields.place.field('name');
  const name = textOf(fields.get('name'), place, NAME_MOST_BYTES);
  if (name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    place.refuse('name', 'must have no "/" and no NUL, and not be "." or ".."');
  }
  return name;
}

/** Whole seconds, or seconds and nanoseconds in a list of two. */
function timeOf(value: unknown, place: Place): Time {
  const bounds = {least: -MOST_SECONDS, most: MOST_SECONDS};
  if (!Array.isArray(value)) return {seconds: wholeNumber(value, place, bounds), nanoseconds: 0};
  const [seconds, nanoseconds, ...more] = listOf(value, place, 2);
  if (more.length > 0 || value.length !== 2) place.refuse('list', 'must be seconds and nanoseconds');
  return {
    seconds: wholeNumber(seconds, place.item(0), bounds),
    nanoseconds: wholeNumber(nanoseconds, place.item(1), {least: 0, most: 999_999_999}),
  };
}

/** @throws StripefsError */
export function attributesOf(fields: Fields): Attributes {
  const {place} = fields;
  const mode = fields.get('mode');
  if (typeof mode !== 'string' || !/^0?[0-7]{1,4}$/.test(mode)) {
    place.field('mode').refuse('mode', 'must be octal digits in a text, as "0644"');
  }
  const mtime = timeOf(fields.get('mtime'), place.field('mtime'));
  const orElse = (name: string): Time =>
    fields.has(name) ? timeOf(fields.get(name), place.field(name)) : mtime;
  return {
    mode: Number.parseInt(mode as string, 8),
    uid: fields.number('uid', 0, MOST_ID),
    gid: fields.number('gid', 0, MOST_ID),
    atime: orElse('atime'),
    mtime,
    ctime: orElse('ctime'),
  };
}

/** A file's size in bytes. @throws StripefsError `number` */
export function sizeOf(fields: Fields): number {
  return fields.number('size', 0, MOST_BYTES);
}

/** The target of a symbolic link. @throws StripefsError `text`, `target` */
export function targetOf(fields: Fields): Uint8Array {
  const place = fields.place.field('target');
  const target = textOf(fields.get('target'), place, TARGET_MOST_BYTES);
  if (target.includes('\0')) place.refuse('target', 'must have no NUL');
  return Buffer.from(target);
}

/** A name as a key: one character a byte. */
export function nameKey(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString('latin1');
}
