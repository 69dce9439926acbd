import {readFileSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {Ext4Error, type Inode, type InodeNumber, Volume} from '../../src/ext4/index.js';
import {imageOf} from '../support/images.js';
import {MeteredSource} from '../support/metered-source.js';
import {MUTANTS} from '../support/mutant-recipes.js';
import {cannotMount, skipped} from '../support/oracle.js';
import {type Structure, structuresOf} from '../support/structures.js';

/**
 * Images made so that a small structure stands for endless work: shared tree nodes, cycles, sizes of terabytes. Each
 * question is answered or refused after few reads; a turn without reads would run into the test's time limit.
 */
const reason = cannotMount();
const title = skipped(reason);
const BLOCK = 1024;
const POINTERS = BLOCK / 4;
const EXTENTS = (BLOCK - 12 - 4) / 12;
const MAX_READS = 200;
const MAX_BYTES = 64 << 20;

/** An image to be changed, and where its structures are. */
class Bomb {
  readonly image: Buffer;
  readonly #structures: readonly Structure[];
  readonly #sound: Volume;

  constructor(name: string) {
    const path = imageOf(MUTANTS.find((recipe) => recipe.name === name)!);
    this.image = Buffer.from(readFileSync(path));
    this.#structures = structuresOf(path);
    this.#sound = Volume.open(new MeteredSource(Buffer.from(this.image), 1e9, 1e12), {cacheLimit: 1 << 20});
  }

  ino(path: string): InodeNumber {
    let inode: Inode = this.#sound.inode(2 as InodeNumber);
    for (const name of path.split('/')) inode = this.#sound.lookup(inode, Buffer.from(name))!;
    return inode.ino;
  }

  /** The first byte of a path's inode. */
  inode(path: string): number {
    const ino = this.ino(path);
    return this.#structures.find((each) => each.kind === 'inode' && each.ino === ino)!.start;
  }

  /** First bytes of a path's blocks of a kind. */
  blocks(path: string, kind: Structure['kind']): number[] {
    const ino = this.ino(path);
    return this.#structures.filter((each) => each.kind === kind && each.ino === ino).map(({start}) => start);
  }

  setSize(path: string, size: number): void {
    const at = this.inode(path);
    this.image.writeUInt32LE(size % 2 ** 32, at + 4);
    this.image.writeUInt32LE(Math.floor(size / 2 ** 32), at + 0x6c);
  }

  /** The head of an extent node. */
  node(at: number, entries: number, depth: number): void {
    this.image.writeUInt16LE(0xf30a, at);
    this.image.writeUInt16LE(entries, at + 2);
    this.image.writeUInt16LE(entries, at + 4);
    this.image.writeUInt16LE(depth, at + 6);
  }

  /** An index whose entries, `span` blocks apart, all lead to one child. */
  index(at: number, entries: number, depth: number, child: number, span: number): void {
    this.node(at, entries, depth);
    for (let i = 0; i < entries; i++) {
      this.image.writeUInt32LE(i * span, at + 12 + 12 * i);
      this.image.writeUInt32LE(child / BLOCK, at + 16 + 12 * i);
      this.image.writeUInt32LE(0, at + 20 + 12 * i);
    }
  }

  /** Asks, within bounds; an errno or what was answered. */
  ask(question: (volume: Volume) => unknown): string {
    const source = new MeteredSource(this.image, MAX_READS, MAX_BYTES);
    try {
      const volume = Volume.open(source, {cacheLimit: 1 << 20});
      source.begin();
      return `${question(volume)}`;
    } catch (error) {
      if (error instanceof Ext4Error) return error.errno;
      throw error;
    }
  }
}

const target = new Uint8Array(1 << 20);

describe.skipIf(reason !== undefined)(`endless work is refused${title}`, () => {
  for (const size of [2 ** 31 - BLOCK, 2 ** 32 - BLOCK, 2 ** 40]) {
    test(`a directory of ${size} bytes, one block of them there`, () => {
      const bomb = new Bomb('mutant-extents');
      bomb.setSize('xattrs', size);
      const ino = bomb.ino('xattrs');
      expect(bomb.ask((volume) => volume.readdir(ino, 0, () => true))).toMatch(/^(EUCLEAN|undefined)$/);
      expect(bomb.ask((volume) => volume.lookup(ino, Buffer.from('absent')))).toMatch(
        /^(EUCLEAN|undefined)$/,
      );
    });
  }

  test('an index of a directory that leads to itself', () => {
    const bomb = new Bomb('mutant-extents');
    const [root = 0] = bomb.blocks('shrunk', 'directory block');
    for (let entry = root + 0x20; entry < root + 0x80; entry += 8) bomb.image.writeUInt32LE(0, entry + 4);
    const ino = bomb.ino('shrunk');
    expect(bomb.ask((volume) => volume.lookup(ino, Buffer.from('absent')))).toMatch(/^(EUCLEAN|undefined)$/);
    // Deeper than any index may be: as the kernel does, the directory may be searched without it.
    bomb.image[root + 0x1e] = 3;
    expect(bomb.ask((volume) => volume.lookup(ino, Buffer.from('absent')))).toMatch(/^(EUCLEAN|undefined)$/);
  });

  test('a tree of extents in which all entries share one leaf of unwritten blocks', () => {
    const bomb = new Bomb('mutant-extents');
    const path = 'fragmented/stripes';
    const [leaf = 0, middle = 0] = bomb.blocks(path, 'mapping block');
    bomb.node(leaf, EXTENTS, 0);
    for (let i = 0; i < EXTENTS; i++) {
      bomb.image.writeUInt32LE(2 * i, leaf + 12 + 12 * i);
      bomb.image.writeUInt32LE(0x8001, leaf + 16 + 12 * i);
      bomb.image.writeUInt32LE(5000 + i, leaf + 20 + 12 * i);
    }
    bomb.index(middle, EXTENTS, 1, leaf, 2 * EXTENTS);
    bomb.index(bomb.inode(path) + 0x28, 4, 2, middle, 2 * EXTENTS * EXTENTS);
    bomb.setSize(path, 2 ** 41);
    const ino = bomb.ino(path);
    for (const whence of ['data', 'hole'] as const) {
      const answer = bomb.ask((volume) => volume.seek(volume.inode(ino), 0, whence));
      expect(answer).toMatch(/^(EUCLEAN|ENXIO|\d+)$/);
    }
    expect(bomb.ask((volume) => volume.read(volume.inode(ino), 0, target, 0, target.length))).toMatch(
      /^(EUCLEAN|\d+)$/,
    );
  });

  test('a node of extents that leads to itself', () => {
    const bomb = new Bomb('mutant-extents');
    const path = 'fragmented/stripes';
    const [, node = 0] = bomb.blocks(path, 'mapping block');
    bomb.index(node, 4, 1, node, 100);
    bomb.index(bomb.inode(path) + 0x28, 4, 2, node, 400);
    const ino = bomb.ino(path);
    expect(bomb.ask((volume) => volume.read(volume.inode(ino), 0, target, 0, target.length))).toBe('EUCLEAN');
  });

  test('indirect blocks that all lead to one block of zeros, in a file of terabytes', () => {
    const bomb = new Bomb('mutant-indirect');
    const path = 'indirect/all-levels';
    const [first = 0, second = 0, third = 0] = bomb.blocks(path, 'mapping block');
    for (let i = 0; i < POINTERS; i++) {
      bomb.image.writeUInt32LE(second / BLOCK, first + 4 * i);
      bomb.image.writeUInt32LE(third / BLOCK, second + 4 * i);
      bomb.image.writeUInt32LE(0, third + 4 * i);
    }
    const at = bomb.inode(path) + 0x28;
    for (let i = 0; i < 14; i++) bomb.image.writeUInt32LE(0, at + 4 * i);
    bomb.image.writeUInt32LE(first / BLOCK, at + 4 * 14);
    bomb.setSize(path, 17_000_000_000);
    const ino = bomb.ino(path);
    expect(bomb.ask((volume) => volume.seek(volume.inode(ino), 0, 'data'))).toMatch(/^(EUCLEAN|ENXIO|\d+)$/);
    expect(bomb.ask((volume) => volume.seek(volume.inode(ino), 0, 'hole'))).toBe('0');
  });

  test('an attribute value in an inode that is the file itself', () => {
    const bomb = new Bomb('mutant-extents');
    const [block = 0] = bomb.blocks('xattrs/both', 'attribute block');
    const ino = bomb.ino('xattrs/both');
    bomb.image.writeUInt32LE(ino, block + 32 + 4);
    bomb.image.writeUInt32LE(0xffffffff, block + 32 + 8);
    for (const name of ['user.large', 'user.tiny', 'user.none']) {
      const answer = bomb.ask((volume) => volume.getxattr(volume.inode(ino), Buffer.from(name))?.length);
      expect(answer).toMatch(/^(EUCLEAN|EBADMSG|\d+|undefined)$/);
    }
  });
});
