/** Bits of `Attr.flags` (FUSE_ATTR_*). Others are not sent. */
/** The node is the root of a submount; virtiofs only. */
export const FUSE_ATTR_SUBMOUNT = 1 << 0;
/** DAX for this inode; virtiofs only. */
export const FUSE_ATTR_DAX = 1 << 1;
