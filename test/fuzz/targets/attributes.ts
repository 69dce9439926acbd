import {decodeAcl} from '../../../src/ext4/acl.js';
import {inlineData} from '../../../src/ext4/inline-data.js';
import {isType} from '../../../src/ext4/inode.js';
import {INODE_FLAG, MODE_TYPE} from '../../../src/ext4/inode-flags.js';
import {readlink} from '../../../src/ext4/symlink.js';
import {getxattr, listxattr} from '../../../src/ext4/xattr.js';
import {askDirectory} from './directories.js';
import {PIECES_MAX} from './pieces.js';
import {scene} from './scene.js';
import {FLAG} from './stage.js';
import {attempt, must, type Target} from './target.js';

const MAX_NAMES = 40;

/** Extended attributes in the inode, in its block, and in inodes of their own. */
export const xattr: Target = {
  name: 'xattr',
  maxBytes: PIECES_MAX,
  run(bytes) {
    const found = scene(bytes, {kind: 'attribute block', type: MODE_TYPE.fifo, flags: FLAG.eaInode});
    if (found === undefined) return;
    const {ctx, inode} = found;
    const list = attempt(() => listxattr(ctx, inode));
    if (list === undefined) return;
    must(list.length <= 65_536, `names of ${list.length} bytes`);
    const names = Buffer.from(list).toString('latin1').split('\0').slice(0, MAX_NAMES);
    for (const name of [...names, 'user.none', 'system.posix_acl_access']) {
      const value = attempt(() => getxattr(ctx, inode, Buffer.from(name, 'latin1')));
      if (value !== undefined) must(value.length <= 65_536 * 2, `a value of ${value.length} bytes`);
    }
  },
};

/** Access control lists as they are stored. */
export const acl: Target = {
  name: 'acl',
  maxBytes: 1024,
  run(bytes) {
    const value = attempt(() => decodeAcl(bytes));
    if (value !== undefined) must(value.length % 8 === 4, `a list of ${value.length} bytes`);
  },
};

/** Content in the inode: of files, symbolic links and directories. */
export const inlineContent: Target = {
  name: 'inline-data',
  maxBytes: PIECES_MAX,
  run(bytes) {
    const found = scene(bytes, {
      kind: 'attribute block',
      set: INODE_FLAG.inlineData,
      clear: INODE_FLAG.extents | INODE_FLAG.encrypt,
      flags: FLAG.inlineData,
    });
    if (found === undefined) return;
    const {ctx, inode} = found;
    const data = attempt(() => inlineData(ctx, inode));
    if (data !== undefined) must(data.length <= inode.raw.length, `${data.length} bytes in an inode`);
    if (isType(inode, MODE_TYPE.directory)) askDirectory(ctx, inode);
    if (isType(inode, MODE_TYPE.symlink)) attempt(() => readlink(ctx, inode));
  },
};
