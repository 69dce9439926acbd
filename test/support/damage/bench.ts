import {readFileSync} from 'node:fs';
import {type Inode, type InodeNumber, isType, MODE_TYPE, Volume} from '../../../src/ext4/index.js';
import {ChecksumFixer} from '../checksums.js';
import {MeteredSource} from '../metered-source.js';
import {run} from '../mounts.js';
import type {Mutation} from '../mutate.js';
import {type Structure, structuresOf} from '../structures.js';

/** A directory entry where it lies. */
export interface PlacedEntry {
  readonly block: Structure;
  /** From the start of the block. */
  readonly at: number;
}

/**
 * A real image in memory whose structures can be damaged by name, each with its checksum made to fit again; and be put back.
 */
export class DamageBench {
  readonly image: Buffer;
  readonly structures: readonly Structure[];
  readonly blockSize: number;
  readonly fixer: ChecksumFixer;
  readonly #inodes: ReadonlyMap<string, number>;
  readonly #path: string;
  #journalBlocks: number[] | undefined;
  readonly #before: Array<{start: number; bytes: Buffer}> = [];
  /** Whether `edit` makes checksums fit; false shows what the checksums alone say. */
  sealing = true;

  /** @param path a sound image; it is read into memory and not written to */
  constructor(path: string) {
    this.#path = path;
    this.image = readFileSync(path);
    this.structures = structuresOf(path);
    this.blockSize = 1024 << this.image.readUInt32LE(1024 + 0x18);
    this.fixer = new ChecksumFixer(this.image, this.structures);
    this.#inodes = inodesOf(this.image);
  }

  /** Number of the inode that a path led to in the sound image. */
  ino(path: string): InodeNumber {
    const ino = this.#inodes.get(path);
    if (ino === undefined) throw new Error(`the image has no ${path}`);
    return ino as InodeNumber;
  }

  /** Whether the sound image has a path. */
  has(path: string): boolean {
    return this.#inodes.has(path);
  }

  inode(path: string): Structure {
    return this.inodeOf(this.ino(path));
  }

  inodeOf(ino: number): Structure {
    return this.#only((each) => each.kind === 'inode' && each.ino === ino, `inode ${ino}`);
  }

  superblock(): Structure {
    return this.#only(({kind}) => kind === 'superblock', 'superblock');
  }

  group(number: number): Structure {
    const groups = this.structures.filter(({kind}) => kind === 'group descriptor');
    const found = groups[number];
    if (found === undefined) throw new Error(`there is no group ${number}`);
    return found;
  }

  /** Blocks of a path of one kind, in the order of the file. */
  blocks(path: string, kind: Structure['kind']): Structure[] {
    const ino = this.ino(path);
    return this.structures.filter((each) => each.kind === kind && each.ino === ino);
  }

  /** Blocks of the journal, or of its area for fast commits. */
  journal(kind: 'journal block' | 'fast commit block' = 'journal block'): Structure[] {
    return this.structures.filter((each) => each.kind === kind);
  }

  /** Any block of the log, counted from the journal's start; `journal` has the first ones only. */
  journalBlock(index: number): Structure {
    this.#journalBlocks ??= run('debugfs', ['-R', 'blocks <8>', this.#path]).trim().split(/\s+/).map(Number);
    const known = this.journal()[index];
    const block = this.#journalBlocks[index]!;
    return known ?? {kind: 'journal block', start: block * this.blockSize, length: this.blockSize, ino: 8};
  }

  /** A block's number in the file system. */
  numberOf({start}: Structure): number {
    return start / this.blockSize;
  }

  /** Where a directory has a name. */
  entry(directory: string, name: string): PlacedEntry {
    for (const block of this.blocks(directory, 'directory block')) {
      for (let at = 0; at + 12 <= block.length; ) {
        const position = block.start + at;
        const length = this.image.readUInt16LE(position + 4);
        const found = this.image.toString('latin1', position + 8, position + 8 + this.image[position + 6]!);
        if (found === name && this.image.readUInt32LE(position) !== 0) return {block, at};
        if (length < 12) break;
        at += length;
      }
    }
    throw new Error(`${directory} has no entry ${name}`);
  }

  /** Changes one directory entry. */
  editEntry({block, at}: PlacedEntry, change: (entry: Buffer) => void): void {
    this.edit(block, (bytes) => change(bytes.subarray(at)));
  }

  /** Changes a structure and makes its checksum fit. */
  edit(structure: Structure, change: (bytes: Buffer) => void): void {
    const {start, length} = structure;
    this.#remember(start, length);
    change(this.image.subarray(start, start + length));
    this.#seal(structure);
  }

  /** Makes random changes, and the checksums of what they are in fit. */
  mutate({changes, structures}: Mutation): void {
    for (const {position, bytes} of changes) {
      this.#remember(position, bytes.length);
      this.image.set(bytes, position);
    }
    for (const structure of structures) {
      this.#remember(structure.start, structure.length);
      this.#seal(structure);
    }
  }

  #remember(start: number, length: number): void {
    this.#before.push({start, bytes: Buffer.from(this.image.subarray(start, start + length))});
  }

  #seal(structure: Structure): void {
    if (!this.sealing) return;
    // What a copy in the journal is sealed by lies in another block.
    for (const {start, length} of this.fixer.sealedIn(structure)) this.#remember(start, length);
    this.fixer.fix(structure);
  }

  /** Positions and lengths of what was changed. */
  get changed(): Array<readonly [start: number, length: number]> {
    return this.#before.map(({start, bytes}) => [start, bytes.length] as const);
  }

  /** Puts everything back. */
  undo(): void {
    for (const {start, bytes} of this.#before.splice(0).reverse()) this.image.set(bytes, start);
  }

  #only(wanted: (structure: Structure) => boolean, what: string): Structure {
    const found = this.structures.find(wanted);
    if (found === undefined) throw new Error(`the image has no ${what}`);
    return found;
  }
}

/** Inode numbers by path; the root is the empty one. */
function inodesOf(image: Uint8Array): Map<string, number> {
  const volume = Volume.open(new MeteredSource(image, 1e9, 1e12), {cacheLimit: 4 << 20});
  const found = new Map<string, number>();
  const walk = (path: string, inode: Inode): void => {
    found.set(path, inode.ino);
    if (!isType(inode, MODE_TYPE.directory)) return;
    const children: Array<[string, number]> = [];
    volume.readdir(inode, 0, (ino, _type, name) => {
      const text = Buffer.from(name).toString('latin1');
      if (text !== '.' && text !== '..') children.push([path === '' ? text : `${path}/${text}`, ino]);
      return true;
    });
    for (const [child, ino] of children) walk(child, volume.inode(ino as InodeNumber));
  };
  walk('', volume.inode(2 as InodeNumber));
  return found;
}
