import {acl, inlineContent, xattr} from './attributes.js';
import {directoryBlock, hashedDirectory, htree} from './directories.js';
import {groupDescriptor, inode, superblock} from './heads.js';
import {fastCommit, journal} from './journals.js';
import {extentTree, indirectMap} from './maps.js';
import {names} from './names.js';
import {stripefsLayout, stripefsSuperblock} from './stripes.js';
import type {Target} from './target.js';

export type {Target} from './target.js';

/** A target for each parser of the drivers. */
export const TARGETS: readonly Target[] = [
  superblock,
  groupDescriptor,
  inode,
  extentTree,
  indirectMap,
  directoryBlock,
  htree,
  hashedDirectory,
  xattr,
  acl,
  inlineContent,
  journal,
  fastCommit,
  names,
  stripefsSuperblock,
  stripefsLayout,
];
