import {execFileSync} from 'node:child_process';
import {readFileSync, truncateSync, writeFileSync} from 'node:fs';
import {MIB} from './images.js';
import {run} from './mounts.js';
import {Random} from './random.js';

/** An image that must not be mounted. */
export interface RefusedImage {
  what: string;
  /** Makes it at a path. */
  make(image: string): void;
  /** Errors by which the driver refuses it. */
  errno: readonly string[];
  /** What is said to the user has to name the reason. */
  said: RegExp;
}

function mke2fs(image: string, mebibytes: number, ...args: string[]): void {
  writeFileSync(image, '');
  truncateSync(image, mebibytes * MIB);
  run('mke2fs', ['-q', '-F', ...args, image]);
}

/** A superblock's 32-bit field set, its checksum left to debugfs. */
function setSuper(image: string, field: string, value: string): void {
  run('debugfs', ['-w', '-R', `set_super_value ${field} ${value}`, image]);
}

function patch(image: string, position: number, ...bytes: number[]): void {
  const content = readFileSync(image);
  content.set(bytes, position);
  writeFileSync(image, content);
}

export const REFUSED: readonly RefusedImage[] = [
  {
    what: 'an empty file',
    make: (image) => writeFileSync(image, ''),
    errno: ['EINVAL'],
    said: /too small|no .*file system|not .*ext/i,
  },
  {
    what: 'zeros',
    make: (image) => writeFileSync(image, Buffer.alloc(MIB)),
    errno: ['EINVAL'],
    said: /no .*file system|not .*ext/i,
  },
  {
    what: 'noise',
    make: (image) => writeFileSync(image, new Random(3).bytes(MIB)),
    errno: ['EINVAL'],
    said: /no .*file system|not .*ext/i,
  },
  {
    what: 'an image cut in the middle',
    make: (image) => {
      mke2fs(image, 16, '-t', 'ext4');
      truncateSync(image, 8 * MIB);
    },
    errno: ['EINVAL', 'EUCLEAN'],
    said: /larger|shorter|truncated|beyond|exceeds|smaller/i,
  },
  {
    what: 'an image cut in the superblock',
    make: (image) => {
      mke2fs(image, 16, '-t', 'ext4');
      truncateSync(image, 1500);
    },
    errno: ['EINVAL', 'EUCLEAN'],
    said: /./,
  },
  {
    what: 'a journal device',
    make: (image) => mke2fs(image, 8, '-O', 'journal_dev'),
    errno: ['EOPNOTSUPP', 'EINVAL'],
    said: /journal/i,
  },
  {
    what: 'an incompatible feature that nobody knows',
    make: (image) => {
      mke2fs(image, 16, '-t', 'ext4');
      setSuper(image, 'feature_incompat', '0x800002c2');
    },
    errno: ['EOPNOTSUPP', 'EINVAL'],
    said: /feature/i,
  },
  {
    what: 'compression, which was never merged',
    make: (image) => {
      mke2fs(image, 16, '-t', 'ext4');
      setSuper(image, 'feature_incompat', '0x2c3');
    },
    errno: ['EOPNOTSUPP', 'EINVAL'],
    said: /compression/i,
  },
  {
    what: 'a superblock with a wrong checksum',
    make: (image) => {
      mke2fs(image, 16, '-t', 'ext4');
      patch(image, 1024 + 0x3fc, 1, 2, 3, 4);
    },
    errno: ['EBADMSG'],
    said: /checksum|damaged|corrupt/i,
  },
  {
    what: 'group descriptors with wrong checksums',
    make: (image) => {
      mke2fs(image, 16, '-t', 'ext4', '-b', '1024');
      patch(image, 2048 + 8, 0xff, 0xff);
    },
    errno: ['EBADMSG', 'EUCLEAN'],
    said: /checksum|damaged|corrupt|group/i,
  },
  {
    what: 'a root that is no directory',
    make: (image) => {
      mke2fs(image, 16, '-t', 'ext4');
      run('debugfs', ['-w', '-R', 'set_inode_field <2> mode 0100644', image]);
    },
    errno: ['EUCLEAN'],
    said: /root|damaged|corrupt/i,
  },
];

/** Whether the kernel refuses an image, too. */
export function kernelRefuses(image: string, directory: string): boolean {
  try {
    execFileSync('mount', ['-t', 'ext4', '-o', 'ro,loop', image, directory], {stdio: 'ignore'});
  } catch {
    return true;
  }
  run('umount', [directory]);
  return false;
}
