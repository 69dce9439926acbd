import {lookup, readdir} from '../../../src/ext4/dir.js';
import type {Inode} from '../../../src/ext4/inode.js';
import {INODE_FLAG, MODE_TYPE} from '../../../src/ext4/inode-flags.js';
import type {OpenedContext} from '../../../src/ext4/opened-context.js';
import {PIECES_MAX} from './pieces.js';
import {type SceneOptions, scene} from './scene.js';
import {FLAG} from './stage.js';
import {attempt, must, type Target} from './target.js';

const MAX_NAMES = 2000;
const LOOKUPS = 8;

/** Lists a directory, goes on from cookies, and looks for names that are there and some that are not. */
export function askDirectory(ctx: OpenedContext, inode: Inode): void {
  const names: Buffer[] = [];
  const cookies = [0];
  attempt(() =>
    readdir(ctx, inode, 0, (ino, type, name, next) => {
      must(Number.isInteger(ino) && ino > 0, `inode ${ino}`);
      must(type >= 0 && type <= 15, `type ${type}`);
      must(name.length > 0 && name.length <= 255, `a name of ${name.length} bytes`);
      must(!name.includes(0) && !name.includes(0x2f), 'a name with a slash or a NUL');
      must(next > cookies.at(-1)!, `cookie ${next} after ${cookies.at(-1)}`);
      names.push(Buffer.from(name));
      cookies.push(next);
      return names.length < MAX_NAMES;
    }),
  );
  for (const cookie of [cookies[1] ?? 12, 13, 1020, cookies.at(-1)!, 2 ** 40])
    attempt(() => readdir(ctx, inode, cookie, () => true));
  const step = Math.max(1, Math.floor(names.length / LOOKUPS));
  for (let i = 0; i < names.length; i += step) attempt(() => lookup(ctx, inode, names[i]!));
  for (const name of ['.', '..', 'absent', 'n'.repeat(255), 'Ü'])
    attempt(() => lookup(ctx, inode, Buffer.from(name)));
}

function directory(name: string, options: Omit<SceneOptions, 'kind' | 'type'>): Target {
  return {
    name,
    maxBytes: PIECES_MAX,
    run(bytes) {
      const found = scene(bytes, {...options, kind: 'directory block', type: MODE_TYPE.directory});
      if (found !== undefined) askDirectory(found.ctx, found.inode);
    },
  };
}

/** Directories without an index. */
export const directoryBlock = directory('directory-block', {
  clear: INODE_FLAG.index | INODE_FLAG.inlineData | INODE_FLAG.encrypt,
});

/** Directories with an index. */
export const htree = directory('htree', {
  set: INODE_FLAG.index,
  clear: INODE_FLAG.inlineData | INODE_FLAG.encrypt,
});

/** Encrypted directories that fold case: each name has its hash beside it, and is ciphertext. */
export const hashedDirectory = directory('hashed-directory', {
  set: INODE_FLAG.encrypt | INODE_FLAG.casefold,
  clear: INODE_FLAG.inlineData,
  flags: FLAG.encrypt | FLAG.casefold,
});
