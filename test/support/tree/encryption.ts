import {mkdirSync, symlinkSync} from 'node:fs';
import {IOCTL, ioctl, lsetxattr} from '../posix.js';
import {type Chapter, chapterDirectory, file, join, withFile} from './ground.js';

const KEY_SPEC_IDENTIFIER = 2;
const KEY_SIZE = 64;
const POLICY_V2 = 2;
const AES_256_XTS = 1;
const AES_256_CTS = 4;
const PAD_32 = 3;

/** Adds a master key to the mounted file system and returns the identifier that the kernel computes (fscrypt_add_key_arg). */
function addKey(root: Buffer, key: Buffer): Buffer {
  const argument = Buffer.alloc(80 + KEY_SIZE);
  argument.writeUInt32LE(KEY_SPEC_IDENTIFIER, 0);
  argument.writeUInt32LE(KEY_SIZE, 40);
  key.copy(argument, 80);
  withFile(root, (fd) => ioctl(fd, IOCTL.ADD_ENCRYPTION_KEY, argument), 'r');
  return Buffer.from(argument.subarray(8, 24));
}

function encryptDirectory(path: Buffer, identifier: Buffer): void {
  const policy = Buffer.alloc(24);
  policy.set([POLICY_V2, AES_256_XTS, AES_256_CTS, PAD_32]);
  identifier.copy(policy, 8);
  withFile(path, (fd) => ioctl(fd, IOCTL.SET_ENCRYPTION_POLICY, policy), 'r');
}

/** Encrypted directories beside plain ones: names short and long, files, symlinks, levels, many entries. */
export const encrypted: Chapter = (ground) => {
  const dir = chapterDirectory(ground, 'encrypted');
  encryptDirectory(dir, addKey(ground.root, ground.random.bytes(KEY_SIZE)));
  for (const length of [1, 2, 15, 16, 17, 31, 32, 33, 100, 143, 144, 150, 200, 255]) {
    file(join(dir, 'n'.repeat(length)), ground.random.bytes(length * 50));
  }
  file(join(dir, 'empty'), '');
  symlinkSync('target', join(dir, 'symlink'));
  symlinkSync('t'.repeat(300), join(dir, 'long-symlink'));
  lsetxattr(join(dir, 'empty'), 'user.plain', Buffer.from('attributes stay readable'));
  let level = dir;
  for (let i = 0; i < 6; i++) {
    level = join(level, `level${i}`);
    mkdirSync(level);
    file(join(level, 'inside'), `level ${i}`);
  }
  mkdirSync(join(dir, 'many'));
  for (let i = 0; i < 400; i++) file(join(dir, 'many', `entry-${i}-${'x'.repeat(i % 70)}`), '');
};
