import {groupDescriptorBlocks, groupHasSuper} from './group-descriptor.js';
import type {GroupTable} from './group-table.js';
import type {Superblock} from './superblock.js';

/** Above this many groups (8 TiB of 4 KiB blocks) ranges are not collected: it would cost more than a mount should. */
export const MAX_ZONE_GROUPS = 65_536;

/**
 * The blocks that belong to the file system itself: superblocks, descriptors, bitmaps, inode tables. Flat pairs of
 * first and one past last, in any order; empty for a file system of more than MAX_ZONE_GROUPS groups. No file may
 * have one of them (the kernel's block_validity, fs/ext4/block_validity.c).
 */
export function groupMetadata(superblock: Superblock, groups: GroupTable): number[] {
  const ranges: number[] = [];
  if (superblock.groupCount > MAX_ZONE_GROUPS) return ranges;
  const {firstDataBlock, blocksPerGroup, inodeTableBlocks, reservedDescriptorBlocks} = superblock;
  const add = (start: number, count: number): void => {
    const last = ranges.length - 1;
    // Groups' bitmaps and tables mostly follow each other.
    if (last > 0 && ranges[last] === start) ranges[last] = start + count;
    else ranges.push(start, start + count);
  };
  groups.each((raw) => {
    const hasSuper = groupHasSuper(superblock, raw.group);
    const base =
      (hasSuper ? 1 : 0) +
      groupDescriptorBlocks(superblock, raw.group) +
      (hasSuper && !metaGroup(superblock, raw.group) ? reservedDescriptorBlocks : 0);
    if (base > 0) add(firstDataBlock + raw.group * blocksPerGroup, base);
    add(raw.blockBitmap, 1);
    add(raw.inodeBitmap, 1);
    add(raw.inodeTable, inodeTableBlocks);
  });
  return ranges;
}

/** Whether a group's descriptors lie in its own meta group, where no blocks are reserved for growth. */
export function metaGroup(superblock: Superblock, group: number): boolean {
  return (
    superblock.features.metaBg &&
    Math.floor(group / superblock.descriptorsPerBlock) >= superblock.firstMetaGroup
  );
}
