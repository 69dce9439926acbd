/** Bits of the INVAL_ENTRY notification. The kernel ignores others. */
/** The name only expires: it is looked up again at its next use, and stays valid for those who have it open or mounted over. */
export const FUSE_EXPIRE_ONLY = 1 << 0;
