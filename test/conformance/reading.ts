import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {lseek, readMapped, SEEK} from '../support/posix.js';
import {Random} from '../support/random.js';
import {FILE_SIZE, HOLE_END, patternByte, SCRIPT_SAYS} from '../support/tree/conformance.js';
import {type Check, fails} from './check.js';

function withOpen<T>(path: string, action: (fd: number) => T, flags = constants.O_RDONLY): T {
  const fd = openSync(path, flags);
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

function read(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length, 0xee);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, position));
}

function pattern(start: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({length}, (_, i) => patternByte(start + i)));
}

/** read, lseek, mmap and what else gets at the bytes of a file. */
export const READING: readonly Check[] = [
  {
    what: 'read ends at the end of the file, and gives nothing after it',
    run: (root) =>
      withOpen(join(root, 'file'), (fd) => {
        assert.deepEqual(read(fd, FILE_SIZE - 5, 100), pattern(FILE_SIZE - 5, 5));
        assert.equal(read(fd, FILE_SIZE, 100).length, 0);
        assert.equal(read(fd, FILE_SIZE + 1, 1).length, 0);
        assert.equal(read(fd, 2 ** 40, 1).length, 0);
        assert.equal(read(fd, 10, 0).length, 0);
      }),
  },
  {
    what: 'read gives the same bytes wherever it starts and however long it is',
    run: (root) =>
      withOpen(join(root, 'file'), (fd) => {
        const random = new Random(5);
        for (let i = 0; i < 300; i++) {
          const start = random.below(FILE_SIZE);
          const length = Math.min(1 + random.below(9000), FILE_SIZE - start);
          assert.deepEqual(read(fd, start, length), pattern(start, length));
        }
      }),
  },
  {
    what: 'a descriptor has a position of its own',
    run: (root) =>
      withOpen(join(root, 'file'), (a) =>
        withOpen(join(root, 'file'), (b) => {
          const byte = Buffer.alloc(1);
          for (let i = 0; i < 5; i++) readSync(a, byte, 0, 1, null);
          assert.equal(lseek(a, 0, SEEK.CUR), 5);
          assert.equal(lseek(b, 0, SEEK.CUR), 0);
        }),
      ),
  },
  {
    what: 'lseek knows the end, and refuses what lies before the start',
    run: (root) =>
      withOpen(join(root, 'file'), (fd) => {
        assert.equal(lseek(fd, 0, SEEK.END), FILE_SIZE);
        assert.equal(lseek(fd, -3, SEEK.END), FILE_SIZE - 3);
        assert.equal(lseek(fd, 5_000_000, SEEK.SET), 5_000_000);
        fails('EINVAL', () => lseek(fd, -1, SEEK.SET));
        fails('EINVAL', () => lseek(fd, 0, 99));
      }),
  },
  {
    what: 'SEEK_DATA and SEEK_HOLE know the end',
    run: (root) => {
      withOpen(join(root, 'file'), (fd) => {
        assert.equal(lseek(fd, 7, SEEK.DATA), 7);
        assert.equal(lseek(fd, 7, SEEK.HOLE), FILE_SIZE);
        fails('ENXIO', () => lseek(fd, FILE_SIZE, SEEK.DATA));
        fails('ENXIO', () => lseek(fd, FILE_SIZE, SEEK.HOLE));
      });
      withOpen(join(root, 'empty'), (fd) => {
        fails('ENXIO', () => lseek(fd, 0, SEEK.DATA));
        fails('ENXIO', () => lseek(fd, 0, SEEK.HOLE));
      });
    },
  },
  {
    what: 'a hole is zeros',
    run: (root) =>
      withOpen(join(root, 'sparse'), (fd) => {
        assert.ok(read(fd, 0, 100_000).every((byte) => byte === 0));
        assert.equal(read(fd, HOLE_END - 1, 10).toString(), '\0end');
      }),
  },
  {
    what: 'a mapping shows the bytes, and zeros behind the end in its last page',
    run: (root) =>
      withOpen(join(root, 'file'), (fd) => {
        assert.deepEqual(readMapped(fd, 0, FILE_SIZE), pattern(0, FILE_SIZE));
        const page = Math.floor(FILE_SIZE / 4096) * 4096;
        assert.ok(
          readMapped(fd, page, 4096)
            .subarray(FILE_SIZE - page)
            .every((byte) => byte === 0),
        );
      }),
  },
  {
    what: 'reading past the page cache (O_DIRECT) gives the same bytes',
    run: (root) =>
      withOpen(
        join(root, 'file'),
        (fd) => {
          // O_DIRECT wants memory at a multiple of the sector: part of a larger buffer, whose own start is arbitrary.
          const memory = new SharedArrayBuffer(1 << 16);
          const buffer = new Uint8Array(memory, 0, 8192);
          let count: number;
          try {
            count = readSync(fd, buffer, 0, 8192, 4096);
          } catch (error) {
            assert.equal((error as {code?: string}).code, 'EINVAL');
            return;
          }
          assert.deepEqual(Buffer.from(buffer.subarray(0, count)), pattern(4096, count));
        },
        constants.O_RDONLY | constants.O_DIRECT,
      ),
  },
  {
    what: 'fsync of a file opened for reading succeeds',
    run: (root) => withOpen(join(root, 'file'), (fd) => fsyncSync(fd)),
  },
  {
    what: 'a file can be copied away, its holes too',
    run: (root) => {
      const directory = mkdtempSync(join(tmpdir(), 'fuseward-copied-'));
      try {
        for (const name of ['file', 'sparse', 'empty']) {
          copyFileSync(join(root, name), join(directory, name));
          assert.deepEqual(readFileSync(join(directory, name)), readFileSync(join(root, name)));
        }
      } finally {
        rmSync(directory, {recursive: true});
      }
    },
  },
  {
    what: 'a program can be run',
    run: (root) => assert.equal(execFileSync(join(root, 'script'), {encoding: 'utf8'}).trim(), SCRIPT_SAYS),
  },
  {
    what: 'five hundred descriptors at once are no trouble',
    run: (root) => {
      const fds = Array.from({length: 500}, () => openSync(join(root, 'file'), 'r'));
      try {
        assert.deepEqual(read(fds[499]!, 1, 3), pattern(1, 3));
      } finally {
        for (const fd of fds) closeSync(fd);
      }
      assert.equal(statSync(join(root, 'file')).size, FILE_SIZE);
    },
  },
];
