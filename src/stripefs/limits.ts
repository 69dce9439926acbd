/**
 * What a superblock may ask for at most. It comes from whoever made the image, so every number in it is held against one of these
 * before anything is done with it.
 */

/** Bytes of a superblock. */
export const SUPERBLOCK_MOST_BYTES: number = 16 * 2 ** 20;
/** Members of a file system: each is one or two of a server's 64 descriptors. */
export const MOST_MEMBERS = 16;
/** Bytes of a member's path. */
export const MEMBER_PATH_MOST_BYTES = 1024;
/** Files, directories and symbolic links. */
export const MOST_NODES = 65_536;
/** Extents of all files, each strip counted as one. */
export const MOST_EXTENTS = 262_144;
/** Strips of one extent. */
export const MOST_STRIPS = 64;
/** Directories on the way to a file. */
export const MOST_DEPTH = 32;
/** Bytes of a name, as the kernel has it (NAME_MAX). */
export const NAME_MOST_BYTES = 255;
/** Bytes of a symbolic link's target, as the kernel has it (PATH_MAX less the NUL). */
export const TARGET_MOST_BYTES = 4095;
/** Largest size, offset and length in bytes: the sum of two of them is a safe integer. */
export const MOST_BYTES: number = 2 ** 52;
/** Block size in bytes, a power of two: from a disk's sector to what iomap takes at most. */
export const BLOCK_SIZE = {least: 512, most: 65_536};
/** Chunk size in bytes, a power of two and not less than the block size. */
export const CHUNK_MOST_BYTES: number = 2 ** 30;
/** Seconds before and after 1970. */
export const MOST_SECONDS: number = 2 ** 40;
/** 2^32 - 1 is no id. */
export const MOST_ID: number = 2 ** 32 - 2;
/** Levels of JSON: two for each directory, and below a file its extents, an extent, its strips, a strip. */
export const MOST_JSON_DEPTH: number = 2 * (MOST_DEPTH + 1) + 8;
