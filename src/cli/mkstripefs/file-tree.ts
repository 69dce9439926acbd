import {type BigIntStats, lstatSync, readdirSync, readlinkSync} from 'node:fs';
import {basename, join, resolve} from 'node:path';
import {limits, type NewNode} from '../../stripefs/index.js';
import {CommandError} from '../command.js';

/** A file, directory or symbolic link that goes into a file system. */
export interface FoundNode extends Omit<NewNode, 'entries' | 'extents'> {
  /** Where it was found. */
  readonly path: string;
  readonly entries?: readonly FoundNode[];
}

function attributesOf({
  mode,
  uid,
  gid,
  mtimeNs,
}: BigIntStats): Pick<NewNode, 'mode' | 'uid' | 'gid' | 'mtime'> {
  const nanoseconds = Number(((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
  const seconds = Number((mtimeNs - BigInt(nanoseconds)) / 1_000_000_000n);
  return {mode: Number(mode & 0o7777n), uid: Number(uid), gid: Number(gid), mtime: {seconds, nanoseconds}};
}

/** Names come as bytes, so that one which is not UTF-8 is not made another on the way. */
function namesIn(path: string): string[] {
  return readdirSync(path, {encoding: 'buffer'}).map((bytes) => {
    const name = bytes.toString('utf8');
    if (!Buffer.from(name).equals(bytes)) {
      throw new CommandError(`can't take ${join(path, name)}: its name is not UTF-8`);
    }
    return name;
  });
}

function find(path: string, name: string, depth: number): FoundNode {
  const stat = lstatSync(path, {bigint: true});
  const common = {name, path, ...attributesOf(stat)};
  if (stat.isFile()) return {...common, type: 'file', size: Number(stat.size)};
  if (stat.isSymbolicLink()) return {...common, type: 'symlink', target: readlinkSync(path)};
  if (!stat.isDirectory()) {
    throw new CommandError(`can't take ${path}: it is no file, directory or symbolic link`);
  }
  if (depth === limits.MOST_DEPTH) {
    throw new CommandError(`can't take ${path}: it lies more than ${limits.MOST_DEPTH} directories deep`);
  }
  const entries = namesIn(path)
    .sort()
    .map((child) => find(join(path, child), child, depth + 1));
  return {...common, type: 'directory', entries};
}

/** Looks up everything that is to go into a file system, under its own name in the root. @throws CommandError, Node's own errors */
export function findTree(paths: readonly string[]): FoundNode {
  const entries = paths.map((path) => find(path, basename(resolve(path)), 1));
  const names = new Set<string | undefined>();
  for (const {name, path} of entries) {
    if (names.has(name)) throw new CommandError(`can't take ${path}: there is another of that name`);
    names.add(name);
  }
  const seconds = Math.floor(Date.now() / 1000);
  const root = {
    mode: 0o755,
    uid: process.getuid!(),
    gid: process.getgid!(),
    mtime: {seconds, nanoseconds: 0},
  };
  return {...root, path: '', type: 'directory', entries};
}
