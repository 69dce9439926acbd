/** Bits of `Attr.flags` (FUSE_ATTR_*). Others are not sent. */
/** The node is the root of a submount; virtiofs only. */
export const FUSE_ATTR_SUBMOUNT = 1 << 0;
/** DAX for this inode; virtiofs only. */
export const FUSE_ATTR_DAX = 1 << 1;
/** The kernel owns the attributes: nobody but this mount changes the node. Kernels with iomap only. */
export const FUSE_ATTR_EXCLUSIVE = 1 << 2;
/** The kernel does the I/O of this regular file by itself; counts together with EXCLUSIVE only. Decided once in a node's life. */
export const FUSE_ATTR_IOMAP = 1 << 3;
