/** Numbers of the requests that the simulated kernel sends (linux/fuse.h; the last seven of the fuse-iomap patches). */
export const OP = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  UNLINK: 10,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  INIT: 26,
  CREATE: 35,
  BMAP: 37,
  DESTROY: 38,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  LSEEK: 46,
  SYNCFS: 50,
  FREEZE_FS: 4089,
  UNFREEZE_FS: 4090,
  SHUTDOWN_FS: 4091,
  IOMAP_CONFIG: 4092,
  IOMAP_IOEND: 4093,
  IOMAP_BEGIN: 4094,
  IOMAP_END: 4095,
} as const;

const NAMES = new Map<number, string>(Object.entries(OP).map(([name, number]) => [number, name]));

/** `LOOKUP`, or the number as text. */
export function opName(opcode: number): string {
  return NAMES.get(opcode) ?? `${opcode}`;
}

/** Requests that are never answered. */
export const WITHOUT_ANSWER: ReadonlySet<number> = new Set([OP.FORGET, OP.BATCH_FORGET]);

/** Notifications, the `error` of a message with `unique` 0. */
export const NOTIFY = {INVAL_INODE: 2, DEV_INVAL: 99, UPSERT_MAPPINGS: 100, INVAL_MAPPINGS: 101} as const;
