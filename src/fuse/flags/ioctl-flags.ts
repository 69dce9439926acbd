/** Bits of `IoctlRequest.flags` (FUSE_IOCTL_*). Bits not listed are passed on as they are. */
/** A 32-bit caller on a 64-bit kernel. */
export const FUSE_IOCTL_COMPAT = 1 << 0;
/** The server may reach into the caller's memory; CUSE only. */
export const FUSE_IOCTL_UNRESTRICTED = 1 << 1;
/** Repeated with more memory; CUSE only. */
export const FUSE_IOCTL_RETRY = 1 << 2;
/** A 32-bit caller. */
export const FUSE_IOCTL_32BIT = 1 << 3;
/** The ioctl is on a directory. */
export const FUSE_IOCTL_DIR = 1 << 4;
/** An x32 caller. */
export const FUSE_IOCTL_COMPAT_X32 = 1 << 5;
