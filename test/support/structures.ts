import {readSync} from 'node:fs';
import {run} from './mounts.js';
import {withFile} from './tree/ground.js';

/** A piece of an image that a driver parses. Positions are bytes. */
export interface Structure {
  kind:
    | 'superblock'
    | 'group descriptor'
    | 'inode'
    | 'directory block'
    | 'mapping block'
    | 'attribute block'
    | 'journal block'
    | 'fast commit block'
    | 'other block';
  start: number;
  length: number;
  /** The inode it belongs to, 0 for none. */
  ino: number;
}

const SUPERBLOCK = 1024;
const JOURNAL_INODE = 8;
/** Of the journal, only what a few transactions fill is worth changing, and as many blocks of fast commits. */
const JOURNAL_BLOCKS = 200;
const FAST_COMMIT_BLOCKS = 64;
const INODES = 700;

interface Geometry {
  blockSize: number;
  inodeSize: number;
  groups: number;
  descriptorSize: number;
}

function geometryOf(image: string): Geometry {
  const bytes = Buffer.alloc(SUPERBLOCK);
  withFile(Buffer.from(image), (fd) => readSync(fd, bytes, 0, SUPERBLOCK, SUPERBLOCK), 'r');
  const blockSize = 1024 << bytes.readUInt32LE(0x18);
  const blocks = bytes.readUInt32LE(0x4) - bytes.readUInt32LE(0x14);
  const has64bit = (bytes.readUInt32LE(0x60) & 0x80) !== 0;
  return {
    blockSize,
    inodeSize: bytes.readUInt32LE(0x4c) === 0 ? 128 : bytes.readUInt16LE(0x58),
    groups: Math.ceil(blocks / bytes.readUInt32LE(0x20)),
    descriptorSize: has64bit ? bytes.readUInt16LE(0xfe) : 32,
  };
}

/** Block numbers of a list such as `(0-3):55-58, (ETB0):60`, each with what stands in the parentheses. */
function blocksOf(list: string): Array<readonly [where: string, block: number]> {
  const blocks: Array<readonly [string, number]> = [];
  for (const [, where = '', first = '', last = first] of list.matchAll(/\(([^)]+)\):(\d+)(?:-(\d+))?/g)) {
    for (let block = Number(first); block <= Number(last || first); block++) blocks.push([where, block]);
  }
  return blocks;
}

const JOURNAL_FAST_COMMIT = 0x20;

/** Index of the first block of fast commits in a journal whose superblock lies at `position`; beyond its end without them. */
function fastCommitsFrom(image: string, position: number): number {
  const bytes = Buffer.alloc(1024);
  withFile(Buffer.from(image), (fd) => readSync(fd, bytes, 0, bytes.length, position), 'r');
  const length = bytes.readUInt32BE(0x10);
  if ((bytes.readUInt32BE(0x28) & JOURNAL_FAST_COMMIT) === 0) return Number.POSITIVE_INFINITY;
  // The first of them stays unused.
  return length - (bytes.readUInt32BE(0x54) || 256) + 1;
}

/** All structures of an image with at most some hundred inodes, found by debugfs: nothing of the driver is asked. */
export function structuresOf(image: string): Structure[] {
  const {blockSize, inodeSize, groups, descriptorSize} = geometryOf(image);
  const found: Structure[] = [{kind: 'superblock', start: SUPERBLOCK, length: SUPERBLOCK, ino: 0}];
  const table = (blockSize === 1024 ? 2 : 1) * blockSize;
  for (let group = 0; group < groups; group++) {
    found.push({
      kind: 'group descriptor',
      start: table + group * descriptorSize,
      length: descriptorSize,
      ino: 0,
    });
  }
  const commands = Array.from({length: INODES}, (_, i) => `stat <${i + 1}>\nimap <${i + 1}>`);
  const text = run('sh', ['-c', 'exec debugfs -f - "$1" 2>&1', 'sh', image], `${commands.join('\n')}\n`);
  for (const part of text.split(/^debugfs: +stat /m).slice(1)) {
    const ino = Number(/^<(\d+)>/.exec(part)?.[1]);
    const links = Number(/Links: (\d+)/.exec(part)?.[1] ?? 0);
    const place = /located at block (\d+), offset 0x([0-9a-f]+)/.exec(part);
    if (place === null || (links === 0 && ino !== JOURNAL_INODE)) continue;
    const start = Number(place[1]) * blockSize + Number.parseInt(place[2]!, 16);
    found.push({kind: 'inode', start, length: inodeSize, ino});
    const add = (kind: Structure['kind'], block: number): number =>
      found.push({kind, start: block * blockSize, length: blockSize, ino});
    const acl = Number(/File ACL: (\d+)/.exec(part)?.[1] ?? 0);
    if (acl !== 0) add('attribute block', acl);
    const list = /^(?:EXTENTS|BLOCKS):\n([\s\S]*?)(?:\nTOTAL|\ndebugfs|$)/m.exec(part)?.[1] ?? '';
    const isDirectory = /Type: directory/.test(part);
    const blocks = blocksOf(list);
    for (const [where, block] of blocks) {
      if (/^(ETB|IND|DIND|TIND)/.test(where)) add('mapping block', block);
      else if (isDirectory) add('directory block', block);
    }
    if (ino === JOURNAL_INODE) {
      const data = blocks.filter(([where]) => /^\d/.test(where)).map(([, block]) => block);
      const fastCommits = data[0] === undefined ? 0 : fastCommitsFrom(image, data[0] * blockSize);
      for (const block of data.slice(0, Math.min(JOURNAL_BLOCKS, fastCommits))) add('journal block', block);
      for (const block of data.slice(fastCommits, fastCommits + FAST_COMMIT_BLOCKS))
        add('fast commit block', block);
    }
  }
  return found;
}
