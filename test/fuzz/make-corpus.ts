import {rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Volume} from '../../src/ext4/index.js';
import type {Inode} from '../../src/ext4/inode.js';
import {blockEntries, inodeEntries} from '../../src/ext4/xattr-area.js';
import {DamageBench, damageImage} from '../support/damage/index.js';
import {MeteredSource} from '../support/metered-source.js';
import {run} from '../support/mounts.js';
import {MUTANTS} from '../support/mutant-recipes.js';
import type {Structure} from '../support/structures.js';
import {corpusOf, keepSeed} from './engine/corpus.js';
import {Coverage} from './engine/coverage.js';
import {TARGETS} from './targets/index.js';
import {encodePieces} from './targets/pieces.js';
import {FLAG} from './targets/stage.js';

/**
 * Makes the inputs that the targets start with, from real images: `node test/support/start.mjs test/fuzz/make-corpus.ts`. One is
 * kept if it reaches code that those before it, and what the corpus has already, don't; so the corpus stays small, and what was
 * added by hand for a defect stays.
 */
const seeds: Array<[target: string, name: string, input: Buffer]> = [];
const add = (target: string, name: string, input: Buffer): void => {
  seeds.push([target, name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase(), input]);
};

function bench(name: string): DamageBench | undefined {
  const path = damageImage(name);
  return path === undefined ? undefined : new DamageBench(path);
}

function bytesOf(image: DamageBench, {start, length}: Structure): Buffer {
  return Buffer.from(image.image.subarray(start, start + length));
}

/** A path's inode and its blocks of some kinds, as an input in pieces. */
function pieces(
  image: DamageBench,
  path: string,
  kinds: ReadonlyArray<Structure['kind']>,
  flags: number,
): Buffer {
  const blocks = kinds.flatMap((kind) => image.blocks(path, kind));
  return encodePieces({
    flags,
    inode: bytesOf(image, image.inode(path)),
    blocks: blocks.map((block) => ({number: image.numberOf(block), bytes: bytesOf(image, block)})),
  });
}

function heads(): void {
  for (const {name} of MUTANTS) {
    const image = bench(name);
    if (image === undefined) continue;
    for (const flags of [0, FLAG.checksums]) {
      add('superblock', name, Buffer.concat([Buffer.of(flags), bytesOf(image, image.superblock())]));
      const group = bytesOf(image, image.group(0)).subarray(0, 32);
      add('group-descriptor', name, Buffer.concat([Buffer.of(flags), group]));
    }
  }
}

const CHAPTERS: ReadonlyArray<readonly [image: string, flags: number]> = [
  ['mutant-checksums', FLAG.checksums],
  ['mutant-extents', FLAG.eaInode | FLAG.largeDir],
  ['mutant-sealed', FLAG.checksums | FLAG.eaInode | FLAG.inlineData],
  ['mutant-inline', FLAG.inlineData],
  ['mutant-indirect', 0],
  ['mutant-encrypted', FLAG.encrypt],
];
const PATHS: Readonly<
  Record<string, ReadonlyArray<readonly [path: string, kinds: ReadonlyArray<Structure['kind']>]>>
> = {
  inode: [
    ['sizes/100', []],
    ['symlinks/length-59', []],
    ['symlinks/length-200', []],
    ['special/fifo', []],
    ['xattrs/several', []],
    ['links', []],
  ],
  'extent-tree': [
    ['fragmented/stripes', ['mapping block']],
    ['fragmented/punched', ['mapping block']],
    ['sizes/65536', []],
  ],
  'indirect-map': [
    ['indirect/all-levels', ['mapping block']],
    ['fragmented/stripes', ['mapping block']],
    ['sizes/4096', []],
  ],
  'directory-block': [
    ['xattrs', ['directory block']],
    ['special', ['directory block']],
    ['symlinks', ['directory block']],
  ],
  htree: [['shrunk', ['directory block']]],
  'hashed-directory': [
    ['encrypted', ['directory block']],
    ['shrunk', ['directory block']],
    ['symlinks', ['directory block']],
  ],
  xattr: [
    ['xattrs/several', []],
    ['xattrs/large', ['attribute block']],
    ['xattrs/both', ['attribute block']],
    ['xattrs/longest-name', ['attribute block']],
    ['acls/long', ['attribute block']],
  ],
  'inline-data': [
    ['sizes/59', []],
    ['sizes/127', []],
    ['deep', []],
    ['links', []],
    ['symlinks/length-100', []],
    ['xattrs/directory', []],
  ],
};

function parts(): void {
  for (const [name, flags] of CHAPTERS) {
    const image = bench(name);
    if (image === undefined) continue;
    for (const [target, paths] of Object.entries(PATHS)) {
      for (const [path, kinds] of paths) {
        if (image.has(path)) add(target, `${name} ${path}`, pieces(image, path, kinds, flags));
      }
    }
    if (name === 'mutant-checksums') lists(image);
  }
}

/** Access control lists and names, which are inputs as they are. */
function lists(image: DamageBench): void {
  const volume = Volume.open(new MeteredSource(image.image, 1e9, 1e12), {cacheLimit: 1 << 20});
  for (const path of ['acls/access', 'acls/minimal', 'acls/default', 'acls/long']) {
    const inode: Inode = volume.inode(image.ino(path));
    for (const {index, value} of [
      ...inodeEntries(volume.context, inode),
      ...blockEntries(volume.context, inode),
    ])
      if ((index === 2 || index === 3) && value !== undefined)
        add('acl', `${path} ${index}`, Buffer.from(value));
  }
  for (const name of ['a', 'name-with-some-length', 'Ünïcödé ΑΒΓ ß', 'n'.repeat(255)])
    add('names', `length ${Buffer.from(name).length}`, Buffer.from(name));
}

/** Blocks of a log as an input: those whose index is given. */
function logPieces(blocks: ReadonlyArray<readonly [index: number, bytes: Buffer]>, flags: number): Buffer {
  return encodePieces({
    flags,
    inode: new Uint8Array(256),
    blocks: blocks.map(([number, bytes]) => ({number, bytes})),
  });
}

/** Logs of a few blocks, written by debugfs: with each version of the checksums, 32 and 64 bits. */
function journals(): void {
  const path = join(tmpdir(), `fuseward-corpus-${process.pid}.img`);
  for (const [features, version] of [
    ['^metadata_csum,^64bit', ''],
    ['^metadata_csum,64bit', ''],
    ['metadata_csum,64bit', '-c -v 3'],
    ['metadata_csum,64bit', '-c -v 2'],
  ] as const) {
    try {
      writeFileSync(path, Buffer.alloc(8 << 20));
      run('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '1024', '-J', 'size=1', '-O', features, path]);
      const script = [
        `jo ${version}`,
        'jw -b 700,701 /dev/zero',
        'jw -r 700',
        'jw -b 702 /dev/zero',
        'jc',
      ].join('\n');
      run('debugfs', ['-w', '-f', '-', path], script);
      const image = new DamageBench(path);
      const used = image.journal().map((block, index) => [index, bytesOf(image, block)] as const);
      const blocks = used.slice(0, 12);
      const flags = version === '' ? 0 : FLAG.checksums;
      add('journal', `${features} ${version}`, logPieces(blocks, flags));
    } finally {
      rmSync(path, {force: true});
    }
  }
  const crashed = bench('mutant-journal');
  if (crashed !== undefined) {
    const blocks = crashed.journal().map((block, index) => [index, bytesOf(crashed, block)] as const);
    add('journal', 'mutant-journal', logPieces(blocks.slice(0, 12), 0));
  }
  const fast = bench('mutant-fast-commit');
  if (fast === undefined) return;
  const area = fast.journal('fast commit block');
  for (let first = 0; first < area.length; first += 6) {
    const blocks = area.slice(first, first + 6).map((block, i) => [1217 + i, bytesOf(fast, block)] as const);
    add('fast-commit', `mutant-fast-commit ${first}`, logPieces(blocks, FLAG.checksums));
    add('fast-commit', `mutant-fast-commit ${first} plain`, logPieces(blocks, 0));
  }
}

heads();
parts();
journals();
const coverage = new Coverage(import.meta.url);
for (const target of TARGETS) {
  for (const input of corpusOf(target.name, false)) target.run(input);
  coverage.fresh();
  let kept = 0;
  for (const [name, what, input] of seeds) {
    if (name !== target.name) continue;
    const whole = input.subarray(0, target.maxBytes);
    target.run(whole);
    if (coverage.fresh().size === 0) continue;
    // Zeros at the end are what a shorter input is filled up with.
    let length = whole.length;
    while (length > 1 && whole[length - 1] === 0) length--;
    keepSeed(target.name, what, whole.subarray(0, length));
    kept++;
  }
  console.log(`${target.name}: ${kept} added`);
}
coverage.close();
