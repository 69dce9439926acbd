import {setU64} from '../wire/index.js';
import {type Attr, type AttrReply, type EntryReply, hasFileType} from './attributes.js';
import {InvalidReplyError} from './invalid-reply.js';
import type {NodeTypes} from './node-types.js';
import type {OpenReply} from './replies.js';
import {attrOut, attrStruct, entryOut, openOut} from './structs/attr.js';

const A = attrStruct.at;
const E = entryOut.at;
const O = attrOut.at;
const P = openOut.at;
const NSEC_MAX = 999_999_999;

/** Writes an unsigned 64-bit quantity. @throws InvalidReplyError unless it is a safe integer of at least 0. */
export function putQuantity(view: DataView, offset: number, value: number, field: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidReplyError(field, {value});
  setU64(view, offset, value, true);
}

/** Writes a signed 64-bit number of seconds. @throws InvalidReplyError unless it is a safe integer. */
export function putSeconds(view: DataView, offset: number, value: number, field: string): void {
  if (!Number.isSafeInteger(value)) throw new InvalidReplyError(field, {value});
  setU64(view, offset, value, true);
}

/** Writes an unsigned 32-bit number. @throws InvalidReplyError when it is none. */
export function putWord(view: DataView, offset: number, value: number, field: string): void {
  if (value >>> 0 !== value) throw new InvalidReplyError(field, {value});
  view.setUint32(offset, value, true);
}

/** Writes nanoseconds. @throws InvalidReplyError above 999,999,999. */
export function putNanoseconds(view: DataView, offset: number, value: number, field: string): void {
  if (value >>> 0 !== value || value > NSEC_MAX) throw new InvalidReplyError(field, {value});
  view.setUint32(offset, value, true);
}

/** Writes a fuse_attr at `offset`; an ino of 0 becomes the node id. @throws InvalidReplyError for values no stat can show. */
export function encodeAttr(view: DataView, offset: number, attr: Attr, nodeid: number): void {
  if (!hasFileType(attr.mode)) throw new InvalidReplyError('attr-mode', {mode: attr.mode, nodeid});
  putQuantity(view, offset + A.ino, attr.ino === 0 ? nodeid : attr.ino, 'attr-ino');
  putQuantity(view, offset + A.size, attr.size, 'attr-size');
  putQuantity(view, offset + A.blocks, attr.blocks, 'attr-blocks');
  putSeconds(view, offset + A.atime, attr.atime, 'attr-atime');
  putSeconds(view, offset + A.mtime, attr.mtime, 'attr-mtime');
  putSeconds(view, offset + A.ctime, attr.ctime, 'attr-ctime');
  putNanoseconds(view, offset + A.atimensec, attr.atimensec, 'attr-atimensec');
  putNanoseconds(view, offset + A.mtimensec, attr.mtimensec, 'attr-mtimensec');
  putNanoseconds(view, offset + A.ctimensec, attr.ctimensec, 'attr-ctimensec');
  putWord(view, offset + A.mode, attr.mode, 'attr-mode');
  putWord(view, offset + A.nlink, attr.nlink, 'attr-nlink');
  putWord(view, offset + A.uid, attr.uid, 'attr-uid');
  putWord(view, offset + A.gid, attr.gid, 'attr-gid');
  putWord(view, offset + A.rdev, attr.rdev, 'attr-rdev');
  putWord(view, offset + A.blksize, attr.blksize, 'attr-blksize');
  putWord(view, offset + A.flags, attr.flags, 'attr-flags');
}

/** Writes a fuse_attr_out at `offset`, returns its size. */
export function encodeAttrReply(
  view: DataView,
  offset: number,
  reply: AttrReply,
  nodeid: number,
  types: NodeTypes,
): number {
  putQuantity(view, offset + O.attrValid, reply.attrValid, 'attr-valid');
  putNanoseconds(view, offset + O.attrValidNsec, reply.attrValidNsec, 'attr-valid');
  view.setUint32(offset + O.dummy, 0, true);
  encodeAttr(view, offset + O.attr, reply.attr, nodeid);
  types.attributes(nodeid, reply.attr.mode);
  return attrOut.size;
}

/**
 * Writes a fuse_entry_out at `offset`, returns its size. With nodeid 0 the entry is negative and has no attributes;
 * only a lookup may be answered with one.
 */
export function encodeEntry(
  view: DataView,
  offset: number,
  entry: EntryReply,
  mayBeNegative: boolean,
  types: NodeTypes,
): number {
  if (entry.nodeid === 0) {
    if (!mayBeNegative) throw new InvalidReplyError('entry-nodeid', {nodeid: 0});
    for (let at = 0; at < entryOut.size; at += 4) view.setUint32(offset + at, 0, true);
    putQuantity(view, offset + E.entryValid, entry.entryValid, 'entry-valid');
    putNanoseconds(view, offset + E.entryValidNsec, entry.entryValidNsec, 'entry-valid');
    return entryOut.size;
  }
  putQuantity(view, offset + E.nodeid, entry.nodeid, 'entry-nodeid');
  putQuantity(view, offset + E.generation, entry.generation, 'entry-generation');
  putQuantity(view, offset + E.entryValid, entry.entryValid, 'entry-valid');
  putQuantity(view, offset + E.attrValid, entry.attrValid, 'attr-valid');
  putNanoseconds(view, offset + E.entryValidNsec, entry.entryValidNsec, 'entry-valid');
  putNanoseconds(view, offset + E.attrValidNsec, entry.attrValidNsec, 'attr-valid');
  encodeAttr(view, offset + E.attr, entry.attr, entry.nodeid);
  types.entry(entry.nodeid, entry.generation, entry.attr.mode);
  return entryOut.size;
}

/** Writes a fuse_open_out at `offset`, returns its size. */
export function encodeOpen(view: DataView, offset: number, reply: OpenReply): number {
  putQuantity(view, offset + P.fh, reply.fh, 'open-fh');
  putWord(view, offset + P.openFlags, reply.flags, 'open-flags');
  putWord(view, offset + P.backingId, reply.backingId, 'open-backing-id');
  return openOut.size;
}
