import {fsyncSync, ftruncateSync, writeSync} from 'node:fs';
import {FALLOC, fallocate} from '../posix.js';
import {type Chapter, chapterDirectory, file, join, withFile} from './ground.js';

const EDGES = [
  0, 1, 2, 59, 60, 61, 100, 127, 128, 129, 150, 159, 160, 161, 400, 511, 512, 513, 900, 1023, 1024, 1025,
  2047, 2048, 2049, 4095, 4096, 4097, 5000, 8191, 8192, 8193, 65535, 65536, 65537,
];

/** Files of all sizes round inodes, sectors and blocks, and `count` of 1 to 5000 bytes. */
export function sizes(count: number): Chapter {
  return (ground) => {
    const dir = chapterDirectory(ground, 'sizes');
    for (const size of EDGES) file(join(dir, `${size}`), ground.random.bytes(size));
    for (let i = 0; i < count; i++) {
      const size = 1 + ground.random.below(5000);
      file(join(dir, `r${i}-${size}`), ground.random.bytes(size));
    }
  };
}

/** Files whose blocks lie apart: appended to in turn with a sync between, and with every second block punched out or never written. */
export function fragmented(pieces: number): Chapter {
  return (ground) => {
    const {blockSize, extents} = ground.traits;
    const dir = chapterDirectory(ground, 'fragmented');
    withFile(join(dir, 'turn-a'), (a) =>
      withFile(join(dir, 'turn-b'), (b) => {
        for (let i = 0; i < 24; i++) {
          for (const fd of [a, b]) {
            writeSync(fd, ground.random.bytes(blockSize + ground.random.below(3 * blockSize)));
            fsyncSync(fd);
          }
        }
      }),
    );
    withFile(join(dir, 'stripes'), (fd) => {
      const block = ground.random.bytes(blockSize);
      for (let i = 0; i < pieces; i++) {
        block.writeUInt32LE(i);
        writeSync(fd, block, 0, blockSize, 2 * i * blockSize);
      }
    });
    if (!extents) return;
    withFile(join(dir, 'punched'), (fd) => {
      writeSync(fd, ground.random.bytes(64 * blockSize + 77));
      fsyncSync(fd);
      for (let i = 1; i < 64; i += 2 + ground.random.below(3)) {
        fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, i * blockSize, blockSize);
      }
    });
  };
}

/** Holes in front, between, behind and far out; unwritten extents inside and beyond the size. */
export function sparse(farthest: number): Chapter {
  return (ground) => {
    const {blockSize: bs, extents} = ground.traits;
    const dir = chapterDirectory(ground, 'sparse');
    const some = (length: number): Buffer => ground.random.bytes(length);
    withFile(join(dir, 'only-hole'), (fd) => ftruncateSync(fd, 10 * bs + 5));
    withFile(join(dir, 'hole-first'), (fd) => writeSync(fd, some(bs + 1), 0, bs + 1, 7 * bs));
    withFile(join(dir, 'hole-last'), (fd) => {
      writeSync(fd, some(3 * bs - 9));
      ftruncateSync(fd, 40 * bs + 1);
    });
    withFile(join(dir, 'many-holes'), (fd) => {
      for (let i = 0; i < 20; i++) writeSync(fd, some(bs), 0, bs, (i * 5 + ground.random.below(4)) * bs);
    });
    withFile(join(dir, 'far'), (fd) => {
      for (let at = 3 * bs; at < farthest; at *= 3) writeSync(fd, some(100), 0, 100, at + 13);
      ftruncateSync(fd, farthest);
    });
    if (!extents) return;
    withFile(join(dir, 'unwritten'), (fd) => fallocate(fd, 0, 0, 16 * bs - 3));
    withFile(join(dir, 'unwritten-beyond'), (fd) => {
      writeSync(fd, some(2 * bs + 10));
      fallocate(fd, FALLOC.KEEP_SIZE, 0, 32 * bs);
    });
    withFile(join(dir, 'unwritten-mixed'), (fd) => {
      fallocate(fd, 0, 0, 64 * bs);
      for (const at of [3, 4, 9, 30, 63]) writeSync(fd, some(bs), 0, bs, at * bs);
      fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, 20 * bs, 5 * bs);
    });
    withFile(join(dir, 'zero-range'), (fd) => {
      writeSync(fd, some(40 * bs));
      fsyncSync(fd);
      fallocate(fd, FALLOC.ZERO_RANGE, 10 * bs + 5, 9 * bs);
    });
    withFile(join(dir, 'truncated'), (fd) => {
      writeSync(fd, some(20 * bs));
      fsyncSync(fd);
      ftruncateSync(fd, 5 * bs + 7);
      ftruncateSync(fd, 12 * bs);
    });
  };
}

/** The last block of each level of a file mapped by indirect blocks and the first of the next. */
export const indirectLevels: Chapter = (ground) => {
  const bs = ground.traits.blockSize;
  const perBlock = bs / 4;
  const dir = chapterDirectory(ground, 'indirect');
  const levelEnds = [12, 12 + perBlock, 12 + perBlock + perBlock ** 2];
  withFile(join(dir, 'all-levels'), (fd) => {
    for (const end of levelEnds) {
      for (const block of [end - 1, end, end + 1]) {
        writeSync(fd, ground.random.bytes(bs), 0, bs, block * bs);
      }
    }
  });
  for (const [i, end] of levelEnds.entries()) {
    withFile(join(dir, `level-${i + 1}`), (fd) => writeSync(fd, ground.random.bytes(9), 0, 9, end * bs + 3));
  }
  withFile(join(dir, 'dense'), (fd) => writeSync(fd, ground.random.bytes((20 + 2 * perBlock) * bs)));
};
