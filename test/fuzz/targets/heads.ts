import {fsxattr, statxAttributes, userFlags} from '../../../src/ext4/attributes.js';
import {descriptorPlace, groupDescriptorBlocks, groupHasSuper} from '../../../src/ext4/group-descriptor.js';
import {ROOT_INODE} from '../../../src/ext4/index.js';
import {checkMmp} from '../../../src/ext4/mmp.js';
import {statfs} from '../../../src/ext4/statfs.js';
import {decodeSuperblock} from '../../../src/ext4/superblock.js';
import {isFastSymlink, readlink} from '../../../src/ext4/symlink.js';
import type {GroupNumber} from '../../../src/ext4/units.js';
import {scene} from './scene.js';
import {BLOCK, FLAG, INODE_SIZE, Stage} from './stage.js';
import {attempt, must, padded, type Target} from './target.js';

const stage = new Stage();

/** The superblock: flags, then its 1024 bytes. */
export const superblock: Target = {
  name: 'superblock',
  maxBytes: 1 + BLOCK,
  run(bytes) {
    stage.reset(bytes[0] ?? 0);
    stage.at(BLOCK, BLOCK).set(padded(bytes.subarray(1), BLOCK));
    if (((bytes[0] ?? 0) & FLAG.unsealed) === 0) stage.sealHead();
    const found = attempt(() => decodeSuperblock(stage.image.subarray(BLOCK, 2 * BLOCK)));
    if (found === undefined) return;
    must(Number.isSafeInteger(found.blocksCount * found.blockSize), `${found.blocksCount} blocks`);
    must(found.groupCount > 0 && found.inodesPerBlock > 0, 'no groups or inodes');
    for (const group of [0, 1, found.groupCount - 1]) {
      groupHasSuper(found, group);
      groupDescriptorBlocks(found, group);
      descriptorPlace(found, group);
    }
    attempt(() => checkMmp(stage.source(), found));
    attempt(() => stage.context().inode(ROOT_INODE));
  },
};

/** The group descriptor: flags, then its 32 bytes. */
export const groupDescriptor: Target = {
  name: 'group-descriptor',
  maxBytes: 33,
  run(bytes) {
    stage.reset(bytes[0] ?? 0);
    stage.at(2 * BLOCK, 32).set(padded(bytes.subarray(1), 32));
    if (((bytes[0] ?? 0) & FLAG.unsealed) === 0) stage.sealHead();
    const ctx = stage.context();
    attempt(() => ctx.groups.get(0 as GroupNumber));
    attempt(() => ctx.inode(ROOT_INODE));
    attempt(() => ctx.blocksAllowed(12, 700, 1));
    attempt(() => statfs(ctx, {clusters: 0, inodes: 0}));
  },
};

/** Inodes, and targets of symbolic links. */
export const inode: Target = {
  name: 'inode',
  maxBytes: 1 + INODE_SIZE + 2 + BLOCK,
  run(bytes) {
    const found = scene(bytes, {kind: 'other block'});
    if (found === undefined) return;
    const {ctx, inode: file} = found;
    must(Number.isSafeInteger(file.size) && file.size >= 0, `size ${file.size}`);
    must(Number.isSafeInteger(file.blocks512), `${file.blocks512} blocks`);
    for (const nsec of [file.atimeNsec, file.mtimeNsec, file.ctimeNsec])
      must(nsec >= 0 && nsec < 2 ** 30, `${nsec} nanoseconds`);
    userFlags(file);
    fsxattr(file);
    statxAttributes(file);
    isFastSymlink(ctx.superblock, file);
    const target = attempt(() => readlink(ctx, file));
    if (target !== undefined) must(target.length <= 65_536, `a target of ${target.length} bytes`);
  },
};
