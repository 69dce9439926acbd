import {Ext4Error, type Inode, type InodeNumber, isType, MODE_TYPE, Volume} from '../../src/ext4/index.js';
import {MeteredSource} from './metered-source.js';

/** What is asked of one volume at most. */
const MAX_INODES = 100;
const MAX_NAMES = 4000;
const MAX_SEEKS = 200;
const LOOKUPS = 12;
/** One operation may read the whole image so many times over, whatever is in it. */
const IMAGE_TIMES = 3;
const MAX_READS = 20_000;
const XATTR_LIST_MAX = 65_536;
const ROOT = 2 as InodeNumber;

/** An answer that no image may cause. */
export class BadAnswer extends Error {}

export interface Outcome {
  /** Operations that gave an answer, and those that gave an Ext4Error. */
  answers: number;
  errors: number;
  /** Codes of the errors, each once. */
  codes: Set<string>;
  /** The most that one operation read. */
  mostReads: number;
  mostBytes: number;
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new BadAnswer(what);
}

/**
 * Opens an image and asks the volume everything that a kernel could ask, within limits of its own.
 * @param first inodes that are asked about before those that the directories lead to
 * @throws whatever is not an Ext4Error: TooMuchWork, BadAnswer, or an exception that should not be.
 */
export function exercise(image: Uint8Array, first: readonly number[] = []): Outcome {
  const source = new MeteredSource(image, MAX_READS, IMAGE_TIMES * image.length);
  const outcome: Outcome = {answers: 0, errors: 0, codes: new Set(), mostReads: 0, mostBytes: 0};
  const attempt = <T>(action: () => T): T | undefined => {
    source.begin();
    try {
      const value = action();
      outcome.answers++;
      return value;
    } catch (error) {
      if (!(error instanceof Ext4Error)) throw error;
      must(/^E[A-Z0-9]+$/.test(error.errno), `errno ${error.errno}`);
      outcome.errors++;
      outcome.codes.add(error.code);
      return undefined;
    } finally {
      outcome.mostReads = Math.max(outcome.mostReads, source.reads);
      outcome.mostBytes = Math.max(outcome.mostBytes, source.bytes);
    }
  };
  const volume = attempt(() => Volume.open(source, {cacheLimit: 1 << 20, inodeCacheEntries: 64}));
  if (volume === undefined) return outcome;
  attempt(() => volume.statfs());
  attempt(() => volume.label());
  const seen = new Set<number>();
  const queue: number[] = [ROOT, ...first];
  while (queue.length > 0 && seen.size < MAX_INODES) {
    const ino = queue.pop()!;
    if (seen.has(ino)) continue;
    seen.add(ino);
    const inode = attempt(() => volume.inode(ino as InodeNumber));
    if (inode === undefined) continue;
    attributes(volume, inode, attempt);
    if (isType(inode, MODE_TYPE.directory)) queue.push(...directory(volume, inode, attempt));
    else if (isType(inode, MODE_TYPE.symlink)) {
      const target = attempt(() => volume.readlink(inode));
      if (target !== undefined) must(target.length <= 65_536, `target of ${target.length} bytes`);
      attempt(() => volume.statSize(inode));
    } else if (isType(inode, MODE_TYPE.regular)) content(volume, inode, attempt);
  }
  return outcome;
}

type Attempt = <T>(action: () => T) => T | undefined;

function attributes(volume: Volume, inode: Inode, attempt: Attempt): void {
  attempt(() => volume.flags(inode) + volume.fsxattr(inode).xflags + volume.statxAttributes(inode));
  must(Number.isSafeInteger(inode.size) && inode.size >= 0, `size ${inode.size}`);
  must(Number.isSafeInteger(inode.blocks512), `blocks ${inode.blocks512}`);
  const list = attempt(() => volume.listxattr(inode));
  if (list === undefined || list.length === 0) return;
  must(list.length <= XATTR_LIST_MAX, `attribute names of ${list.length} bytes`);
  const names = Buffer.from(list).toString('latin1').slice(0, -1).split('\0');
  for (const name of names.slice(0, 20)) {
    const value = attempt(() => volume.getxattr(inode, Buffer.from(name, 'latin1')));
    if (value !== undefined) must(value.length <= 16 << 20, `attribute of ${value.length} bytes`);
  }
  attempt(() => volume.getxattr(inode, Buffer.from('user.none')));
}

function directory(volume: Volume, dir: Inode, attempt: Attempt): number[] {
  const children: number[] = [];
  const names: Buffer[] = [];
  let cookie = 0;
  let going = true;
  while (going && names.length < MAX_NAMES) {
    const start = cookie;
    let taken = 0;
    const done = attempt(() => {
      volume.readdir(dir, start, (ino, type, name, next) => {
        must(name.length > 0 && name.length <= 255, `name of ${name.length} bytes`);
        must(!name.includes(0) && !name.includes(0x2f), 'name with a slash or a zero');
        must(type >= 0 && type <= 15, `type ${type}`);
        must(Number.isSafeInteger(next) && next !== start, `cookie ${next} after ${start}`);
        if (taken === 150) return false;
        taken++;
        names.push(Buffer.from(name));
        children.push(ino);
        cookie = next;
        return true;
      });
      return true;
    });
    going = done === true && taken === 150;
  }
  const step = Math.max(1, Math.floor(names.length / LOOKUPS));
  for (let i = 0; i < names.length; i += step) attempt(() => volume.lookup(dir, names[i]!));
  for (const name of ['.', '..', 'absent', 'n'.repeat(255)])
    attempt(() => volume.lookup(dir, Buffer.from(name)));
  return children;
}

const buffer = new Uint8Array(8192);

function content(volume: Volume, inode: Inode, attempt: Attempt): void {
  attempt(() => volume.checkOpen(inode));
  const {size} = inode;
  for (const position of [0, 1, 4095, size >> 1, size - 1, size - 4096, size, size + 1, 2 ** 40]) {
    if (position < 0) continue;
    const count = attempt(() => volume.read(inode, position, buffer, 0, buffer.length));
    if (count !== undefined)
      must(count <= Math.max(0, size - position) && count <= buffer.length, `read gave ${count}`);
  }
  let at = 0;
  for (let i = 0; i < MAX_SEEKS && at < size; i++) {
    const from = at;
    const next = attempt(() => volume.seek(inode, from, i % 2 === 0 ? 'data' : 'hole'));
    if (next === undefined) break;
    must(next >= from && next <= size, `seek from ${from} to ${next} of ${size}`);
    at = next;
  }
}
