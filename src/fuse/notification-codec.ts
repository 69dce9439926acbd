import {viewOf} from '../wire/index.js';
import {failure} from './failure.js';
import {FUSE_EXPIRE_ONLY} from './flags/notify-flags.js';
import {outHeader} from './structs/header.js';
import {
  notifyDeleteOut,
  notifyInvalEntryOut,
  notifyInvalInodeOut,
  notifyPollOut,
  notifyPruneOut,
  notifyRetrieveOut,
  notifyStoreOut,
} from './structs/notify.js';

/** Notification codes (enum fuse_notify_code); those of iomap from its 6th posting on. */
export const NOTIFY = {
  POLL: 1,
  INVAL_INODE: 2,
  INVAL_ENTRY: 3,
  STORE: 4,
  RETRIEVE: 5,
  DELETE: 6,
  RESEND: 7,
  INC_EPOCH: 8,
  PRUNE: 9,
  IOMAP_DEV_INVAL: 99,
  IOMAP_UPSERT_MAPPINGS: 100,
  IOMAP_INVAL_MAPPINGS: 101,
} as const;

const HEADER = outHeader.size;
const NO_BYTES = new Uint8Array(0);
const SLASH = 0x2f;
/** FUSE_NAME_MAX of connections with one page per request, the most any kernel is sure to take. */
const LONGEST_NAME = 1024;

/** A whole message: header, fixed part, and what follows it. */
function message(
  code: number,
  size: number,
  write: (view: DataView) => void,
  tail: Uint8Array = NO_BYTES,
  tailRoom = tail.length,
): Uint8Array {
  const bytes = new Uint8Array(HEADER + size + tailRoom);
  const view = viewOf(bytes);
  outHeader.write(view, 0, {len: bytes.length, error: code});
  write(view);
  bytes.set(tail, HEADER + size);
  return bytes;
}

/** @throws Failure EINVAL for a name that no directory can have */
function checkedName(name: Uint8Array): Uint8Array {
  if (name.length === 0 || name.length > LONGEST_NAME || name.includes(0) || name.includes(SLASH)) {
    throw failure('EINVAL');
  }
  return name;
}

export function encodePoll(kh: number): Uint8Array {
  return message(NOTIFY.POLL, notifyPollOut.size, (view) => notifyPollOut.write(view, HEADER, {kh}));
}

export function encodeInvalInode(ino: number, offset: number, length: number): Uint8Array {
  return message(NOTIFY.INVAL_INODE, notifyInvalInodeOut.size, (view) =>
    notifyInvalInodeOut.write(view, HEADER, {ino, off: offset, len: length}),
  );
}

export function encodeInvalEntry(parent: number, name: Uint8Array, expireOnly: boolean): Uint8Array {
  const namelen = checkedName(name).length;
  const flags = expireOnly ? FUSE_EXPIRE_ONLY : 0;
  return message(
    NOTIFY.INVAL_ENTRY,
    notifyInvalEntryOut.size,
    (view) => notifyInvalEntryOut.write(view, HEADER, {parent, namelen, flags}),
    name,
    namelen + 1,
  );
}

export function encodeDelete(parent: number, child: number, name: Uint8Array): Uint8Array {
  const namelen = checkedName(name).length;
  return message(
    NOTIFY.DELETE,
    notifyDeleteOut.size,
    (view) => notifyDeleteOut.write(view, HEADER, {parent, child, namelen}),
    name,
    namelen + 1,
  );
}

export function encodeStore(nodeid: number, offset: number, data: Uint8Array): Uint8Array {
  return message(
    NOTIFY.STORE,
    notifyStoreOut.size,
    (view) => notifyStoreOut.write(view, HEADER, {nodeid, offset, size: data.length}),
    data,
  );
}

export function encodeRetrieve(
  notifyUnique: number,
  nodeid: number,
  offset: number,
  size: number,
): Uint8Array {
  return message(NOTIFY.RETRIEVE, notifyRetrieveOut.size, (view) =>
    notifyRetrieveOut.write(view, HEADER, {notifyUnique, nodeid, offset, size}),
  );
}

export function encodeResend(): Uint8Array {
  return message(NOTIFY.RESEND, 0, () => {});
}

export function encodeIncEpoch(): Uint8Array {
  return message(NOTIFY.INC_EPOCH, 0, () => {});
}

export function encodePrune(nodeids: readonly number[]): Uint8Array {
  const list = new Uint8Array(nodeids.length * 8);
  const view = viewOf(list);
  nodeids.forEach((nodeid, i) => {
    view.setBigUint64(i * 8, BigInt(nodeid), true);
  });
  return message(
    NOTIFY.PRUNE,
    notifyPruneOut.size,
    (body) => notifyPruneOut.write(body, HEADER, {count: nodeids.length}),
    list,
  );
}
