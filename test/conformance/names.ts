import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import {join} from 'node:path';
import {getdents, lseek, type RawDirent, SEEK} from '../support/posix.js';
import {LISTED} from '../support/tree/conformance.js';
import {type Check, fails} from './check.js';

function withDirectory<T>(path: string, action: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

const texts = (entries: readonly RawDirent[]): string[] =>
  entries.map((entry) => entry.name.toString('latin1'));

/** Paths, links and listings. */
export const NAMES: readonly Check[] = [
  {
    what: 'what is not there is ENOENT, also twice',
    run: (root) => {
      for (let i = 0; i < 2; i++) fails('ENOENT', () => statSync(join(root, 'absent')));
      fails('ENOENT', () => statSync(join(root, 'absent', 'below')));
      fails('ENOENT', () => statSync(join(root, 'dangling')));
    },
  },
  {
    what: 'a path through a file is ENOTDIR',
    run: (root) => {
      fails('ENOTDIR', () => statSync(join(root, 'file', 'below')));
      fails('ENOTDIR', () => statSync(`${root}/file/`));
      fails('ENOTDIR', () => openSync(join(root, 'file'), constants.O_DIRECTORY));
      fails('ENOTDIR', () => readdirSync(join(root, 'file')));
    },
  },
  {
    what: 'names of 255 bytes are looked up, longer ones are ENAMETOOLONG',
    run: (root) => {
      fails('ENOENT', () => statSync(join(root, 'n'.repeat(255))));
      fails('ENAMETOOLONG', () => statSync(join(root, 'n'.repeat(256))));
    },
  },
  {
    what: 'symlinks lead on, loops are ELOOP, and O_NOFOLLOW stops',
    run: (root) => {
      assert.equal(readlinkSync(join(root, 'symlink')), 'file');
      assert.equal(statSync(join(root, 'symlink')).ino, statSync(join(root, 'file')).ino);
      assert.ok(lstatSync(join(root, 'symlink')).isSymbolicLink());
      fails('ELOOP', () => statSync(join(root, 'loop-a')));
      fails('ELOOP', () => openSync(join(root, 'symlink'), constants.O_NOFOLLOW));
      fails('EINVAL', () => readlinkSync(join(root, 'file')));
    },
  },
  {
    what: 'two names of one file are one inode',
    run: (root) => {
      const [one, other] = ['file', 'same-file'].map((name) => statSync(join(root, name)));
      assert.equal(one?.ino, other?.ino);
      assert.equal(one?.nlink, 2);
    },
  },
  {
    what: 'a directory can not be read like a file',
    run: (root) =>
      withDirectory(join(root, 'listed'), (fd) => fails('EISDIR', () => readSync(fd, Buffer.alloc(1)))),
  },
  {
    what: 'a listing has every entry once, and . and ..',
    run: (root) =>
      withDirectory(join(root, 'listed'), (fd) => {
        const names = texts(getdents(fd));
        assert.equal(names.length, LISTED + 2);
        assert.equal(new Set(names).size, names.length);
        assert.ok(names.includes('.') && names.includes('..'));
        assert.deepEqual(texts(getdents(fd)), []);
      }),
  },
  {
    what: 'a listing goes on from each position that it gave',
    run: (root) =>
      withDirectory(join(root, 'listed'), (fd) => {
        const all = getdents(fd);
        for (const at of [0, 1, 2, 10, 333, LISTED, LISTED + 1]) {
          lseek(fd, all[at]!.offset, SEEK.SET);
          assert.deepEqual(texts(getdents(fd, 700)), texts(all.slice(at + 1)));
        }
        lseek(fd, 0, SEEK.SET);
        assert.deepEqual(texts(getdents(fd, 400)), texts(all));
      }),
  },
  {
    what: 'two listings of one directory do not disturb each other',
    run: (root) =>
      withDirectory(join(root, 'listed'), (a) =>
        withDirectory(join(root, 'listed'), (b) => {
          const all = texts(getdents(a));
          lseek(a, 0, SEEK.SET);
          assert.deepEqual(texts(getdents(b)), all);
          assert.deepEqual(texts(getdents(a)), all);
        }),
      ),
  },
  {
    what: 'a listing says the inodes that stat says',
    run: (root) =>
      withDirectory(root, (fd) => {
        for (const {name, ino} of getdents(fd)) {
          const text = name.toString();
          if (text !== '..') assert.equal(lstatSync(join(root, text), {bigint: true}).ino, ino, text);
        }
      }),
  },
  {
    what: 'an empty directory lists . and .. only',
    run: (root) =>
      withDirectory(join(root, 'empty-directory'), (fd) => {
        assert.deepEqual(texts(getdents(fd)).sort(), ['.', '..']);
      }),
  },
];
