/** A superblock as a test writes it: anything may be wrong in it. */
export type Json = null | boolean | number | string | Json[] | {[name: string]: Json};

export const OWNER = {mode: '0644', uid: 0, gid: 0, mtime: 1_700_000_000} as const;

export function file(name: string, size: number, extents: Json[], more: Record<string, Json> = {}): Json {
  return {name, type: 'file', ...OWNER, size, extents, ...more};
}

export function directory(name: string, entries: Json[], more: Record<string, Json> = {}): Json {
  return {name, type: 'directory', ...OWNER, mode: '0755', entries, ...more};
}

/** A superblock with these entries in its root. */
export function document(entries: Json[], more: Record<string, Json> = {}): Record<string, Json> {
  return {
    format: 'fuseward-stripefs',
    version: 1,
    blockSize: 512,
    members: [
      {path: 'a.img', size: 1 << 20},
      {path: 'b.img', size: 1 << 20},
    ],
    root: {type: 'directory', ...OWNER, mode: '0755', entries},
    ...more,
  };
}

export function bytesOf(value: Json): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
