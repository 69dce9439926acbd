import {linkSync, mkdirSync, symlinkSync, unlinkSync} from 'node:fs';
import {lsetxattr, mknod, S_IF} from '../posix.js';
import {type Chapter, chapterDirectory, file, join} from './ground.js';

const empty = (path: Buffer): void => mknod(path, S_IF.REG | 0o644);

const ODD_NAMES: Buffer[] = [
  ' ',
  '  two  spaces ',
  'new\nline',
  'tab\there',
  '"double" and \'single\'',
  'back\\slash',
  '*?[a-z]{x,y}',
  '-rf',
  '#comment',
  '$HOME`id`',
  '...',
  '.hidden',
  '~',
  '\u00fc',
  'u\u0308',
  '名前',
  '😀',
  'n'.repeat(255),
  'ü'.repeat(127),
  'CaSe',
  'case',
].map((name) => Buffer.from(name));

/** Every byte as a name of its own, names that are no UTF-8, the longest, and those that shells trip over. */
export const names: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'names');
  for (const [i, name] of ODD_NAMES.entries()) {
    if (i % 3 === 0) mkdirSync(join(dir, name));
    else if (i % 3 === 1) file(join(dir, name), name);
    else symlinkSync(name, join(dir, name));
  }
  const single = join(dir, 'bytes');
  mkdirSync(single);
  for (let byte = 1; byte < 256; byte++) {
    if (byte === 0x2f || byte === 0x2e) continue;
    empty(join(single, Buffer.of(byte)));
  }
  const raw = join(dir, Buffer.from([0xff, 0xfe, 0x80, 0xc0]));
  mkdirSync(raw);
  for (let i = 0; i < 60; i++) {
    const name = ground.random
      .bytes(1 + ground.random.below(250))
      .map((b) => (b === 0 || b === 0x2f ? 0x80 : b));
    empty(join(raw, Buffer.concat([Buffer.from(`${i}-`), name])));
  }
};

/** Directories below directories, with a file at every tenth. */
export function deep(levels: number): Chapter {
  return (ground) => {
    let dir = chapterDirectory(ground, 'deep');
    for (let level = 0; level < levels; level++) {
      dir = join(dir, `d${level % 10}`);
      mkdirSync(dir);
      if (level % 10 === 0) file(join(dir, 'here'), `level ${level}`);
    }
  };
}

/** One file with many names, in several directories. */
export const hardLinks: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'links');
  file(join(dir, 'first'), 'one inode');
  for (let i = 0; i < 8; i++) {
    const sub = join(dir, `sub${i}`);
    mkdirSync(sub);
    for (let k = 0; k < 12; k++) linkSync(join(dir, 'first'), join(sub, `name${k}`));
  }
};

/**
 * One directory with many entries: nearly all empty files, and each 64th a further name of one file. Names are as
 * long as `length` allows.
 */
export function manyEntries(count: number, length = 0, name = 'many'): Chapter {
  return (ground) => {
    const dir = chapterDirectory(ground, name);
    const prefix = Buffer.concat([dir, Buffer.from('/')]);
    const padding = Buffer.alloc(length, 'x').toString();
    const shared = join(dir, 'shared');
    file(shared, 'shared');
    for (let i = 1; i < count; i++) {
      const text = `${i}-${ground.random.u32().toString(36)}${padding}`;
      const path = Buffer.concat([prefix, Buffer.from(length > 0 ? text.slice(0, length) : text)]);
      if (i % 64 === 0) linkSync(shared, path);
      else empty(path);
    }
  };
}

/** A directory that grew and shrank: gaps before, between and after the entries, whole blocks without any. */
export function shrunkDirectory(count: number): Chapter {
  return (ground) => {
    const dir = chapterDirectory(ground, 'shrunk');
    const made: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const path = join(dir, `${i}${'.'.repeat(ground.random.below(40))}`);
      empty(path);
      made.push(path);
    }
    for (const [i, path] of made.entries()) {
      const inEmptyRange = i > count / 4 && i < count / 2;
      if (inEmptyRange || ground.random.below(3) === 0) unlinkSync(path);
    }
  };
}

/** Directories at the top, which ext4 spreads over all groups, each with an attribute block of its own near it. */
export function scattered(count: number): Chapter {
  return ({root, random, traits}) => {
    for (let i = 0; i < count; i++) {
      const dir = join(root, `group${i}`);
      mkdirSync(dir);
      for (let k = 0; k < 60; k++) file(join(dir, `file${k}-${random.u32()}`), `${i} ${k}`);
      lsetxattr(dir, 'user.large', random.bytes(Math.min(traits.xattrLimit, 700)));
      symlinkSync(`${'x'.repeat(300)}${i}`, join(dir, 'symlink'));
    }
    return undefined;
  };
}

/** What fits into a file system of a few blocks. */
export const fewFiles: Chapter = ({root, random}) => {
  file(join(root, 'file'), random.bytes(2500));
  mkdirSync(join(root, 'directory'));
  symlinkSync('file', join(root, 'symlink'));
};

/** Names that equal others once folded, with the spellings under which a folding directory has to find them. */
export const FOLDED_NAMES: ReadonlyArray<readonly [name: string, ...spellings: string[]]> = [
  ['Straße', 'STRASSE', 'strasse'],
  ['ÄÖÜ', 'äöü', 'a\u0308o\u0308u\u0308'],
  ['ﬁx', 'FIX'],
  ['Ǆ', 'ǆ'],
  ['ΣΑΣ', 'σας', 'σασ'],
  ['名前', '名前'],
  ['Mixed Case.TXT', 'mixed case.txt'],
];

/** A directory that can be made to fold its names later: no two of them are equal then. */
export function foldable(count: number): Chapter {
  return (ground) => {
    const dir = chapterDirectory(ground, 'folded');
    for (const [name] of FOLDED_NAMES) file(join(dir, name), name);
    for (let i = 0; i < count; i++) file(join(dir, `entry${i}-${ground.random.u32().toString(36)}`), '');
    return undefined;
  };
}
