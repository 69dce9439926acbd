import {realpathSync, writeSync} from 'node:fs';
import {basename, dirname, join, relative, resolve} from 'node:path';
import {
  Allocation,
  decodeSuperblock,
  limits,
  type NewNode,
  StripefsError,
  superblockJson,
} from '../../stripefs/index.js';
import {
  type Command,
  CommandError,
  complain,
  EXIT,
  type OptionValues,
  print,
  UsageError,
} from '../command.js';
import {harmless} from '../terminal/text.js';
import {parseSize} from '../terminal/units.js';
import {type FoundNode, findTree} from './file-tree.js';
import {copyFile, NewFiles, sizeMembers} from './member-files.js';
import {mkstripefsDefinition} from './options.js';

/** @throws UsageError */
function powerOfTwo(values: OptionValues, name: string, usual: number, least: number, most: number): number {
  const text = values[name] as string | undefined;
  const size = text === undefined ? usual : parseSize(text);
  if (size !== undefined && size >= least && size <= most && Number.isInteger(Math.log2(size))) return size;
  throw new UsageError(`--${name} needs a power of two from ${least} to ${most}, not "${text}"`);
}

/** Gives each file its extents, in the order of the tree. */
function laidOut(
  {path, entries, ...node}: FoundNode,
  space: Allocation,
  files: Array<[string, NewNode]>,
): NewNode {
  if (node.type === 'file') {
    const file = {...node, extents: space.extentsFor(node.size ?? 0)};
    files.push([path, file]);
    return file;
  }
  return entries === undefined
    ? node
    : {...node, entries: entries.map((child) => laidOut(child, space, files))};
}

/** Where a file will be that is not there yet, without symbolic links, over which no member is opened. */
function realPlace(path: string): string {
  return join(realpathSync(dirname(resolve(path))), basename(resolve(path)));
}

/** How a superblock names a member: relative where it lies beside or below it. */
function memberName(member: string, superblock: string): string {
  const path = realPlace(member);
  const beside = relative(dirname(realPlace(superblock)), path);
  return beside.startsWith('..') ? path : beside;
}

function make(superblock: string, paths: readonly string[], values: OptionValues): string {
  const images = (values['member'] ?? []) as string[];
  const {least, most} = limits.BLOCK_SIZE;
  const blockSize = powerOfTwo(values, 'block-size', 4096, least, most);
  const chunk = powerOfTwo(values, 'chunk', Math.max(65_536, blockSize), blockSize, limits.CHUNK_MOST_BYTES);
  if (images.length === 0 || images.length > limits.MOST_MEMBERS) {
    throw new UsageError(`--member is needed, from once to ${limits.MOST_MEMBERS} times`);
  }
  const space = new Allocation({blockSize, chunk, members: images.length});
  const files: Array<[string, NewNode]> = [];
  const root = laidOut(findTree(paths), space, files);
  const names = images.map((image) => memberName(image, superblock));
  const members = names.map((path, index) => ({path, size: space.sizes[index]!}));
  const text = Buffer.from(superblockJson(root, {blockSize, members}));
  // What could not be mounted is not made.
  decodeSuperblock(text);
  using made = new NewFiles();
  const target = made.make(superblock);
  const fds = images.map((image) => made.make(image));
  sizeMembers(fds, space.sizes);
  for (const [path, {size = 0, extents = []}] of files) copyFile(path, {size, extents}, fds);
  for (let done = 0; done < text.length; ) done += writeSync(target, text, done);
  made.keep();
  return mountCommandOf(superblock, names);
}

/** The command that mounts the result, as a shell takes it. */
function mountCommandOf(superblock: string, names: readonly string[]): string {
  const option = names
    .map((name) => `member=${name.replace(/[*?\\]/g, '\\$&')}`.replace(/[\\,"]/g, '\\$&'))
    .join(',');
  return `fuseward mount -t stripefs -o ${quoted(option)} ${quoted(superblock)} DIRECTORY`;
}

function quoted(word: string): string {
  return /^[\w./,=:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export const mkstripefsCommand: Command = {
  definition: mkstripefsDefinition,
  run([superblock, ...paths], values) {
    try {
      print(harmless(make(superblock!, paths, values)));
      return EXIT.done;
    } catch (error) {
      if (error instanceof UsageError) throw error;
      const isOurs = error instanceof CommandError || error instanceof StripefsError;
      if (!isOurs && (error as NodeJS.ErrnoException).code === undefined && !(error instanceof RangeError))
        throw error;
      complain((error as Error).message);
      return EXIT.failed;
    }
  },
};
