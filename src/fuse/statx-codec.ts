import {putNanoseconds, putQuantity, putSeconds, putWord} from './attribute-codec.js';
import {hasFileType} from './attributes.js';
import {InvalidReplyError} from './invalid-reply.js';
import type {NodeTypes} from './node-types.js';
import type {StatxReply} from './replies.js';
import {statxOut} from './structs/replies.js';

const S = statxOut.at;

/** Writes a fuse_statx_out at `offset`, returns its size. @throws InvalidReplyError for values no statx can show. */
export function encodeStatx(
  view: DataView,
  offset: number,
  reply: StatxReply,
  nodeid: number,
  types: NodeTypes,
): number {
  if (!hasFileType(reply.mode) || reply.mode > 0xffff) {
    throw new InvalidReplyError('statx-mode', {mode: reply.mode, nodeid});
  }
  types.attributes(nodeid, reply.mode);
  for (let at = 0; at < statxOut.size; at += 4) view.setUint32(offset + at, 0, true);
  putQuantity(view, offset + S.attrValid, reply.attrValid, 'attr-valid');
  putNanoseconds(view, offset + S.attrValidNsec, reply.attrValidNsec, 'attr-valid');
  putWord(view, offset + S.mask, reply.mask, 'statx-mask');
  putWord(view, offset + S.blksize, reply.blksize, 'statx-blksize');
  putQuantity(view, offset + S.attributes, reply.attributes, 'statx-attributes');
  putWord(view, offset + S.nlink, reply.nlink, 'statx-nlink');
  putWord(view, offset + S.uid, reply.uid, 'statx-uid');
  putWord(view, offset + S.gid, reply.gid, 'statx-gid');
  view.setUint16(offset + S.mode, reply.mode, true);
  putQuantity(view, offset + S.ino, reply.ino === 0 ? nodeid : reply.ino, 'statx-ino');
  putQuantity(view, offset + S.size, reply.size, 'statx-size');
  putQuantity(view, offset + S.blocks, reply.blocks, 'statx-blocks');
  putQuantity(view, offset + S.attributesMask, reply.attributesMask, 'statx-attributes-mask');
  putSeconds(view, offset + S.atime, reply.atime, 'statx-atime');
  putSeconds(view, offset + S.btime, reply.btime, 'statx-btime');
  putSeconds(view, offset + S.ctime, reply.ctime, 'statx-ctime');
  putSeconds(view, offset + S.mtime, reply.mtime, 'statx-mtime');
  putNanoseconds(view, offset + S.atimensec, reply.atimensec, 'statx-atimensec');
  putNanoseconds(view, offset + S.btimensec, reply.btimensec, 'statx-btimensec');
  putNanoseconds(view, offset + S.ctimensec, reply.ctimensec, 'statx-ctimensec');
  putNanoseconds(view, offset + S.mtimensec, reply.mtimensec, 'statx-mtimensec');
  putWord(view, offset + S.rdevMajor, reply.rdevMajor, 'statx-rdev-major');
  putWord(view, offset + S.rdevMinor, reply.rdevMinor, 'statx-rdev-minor');
  putWord(view, offset + S.devMajor, reply.devMajor, 'statx-dev-major');
  putWord(view, offset + S.devMinor, reply.devMinor, 'statx-dev-minor');
  return statxOut.size;
}
