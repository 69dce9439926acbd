import {failure} from '../fuse/index.js';
import {mappingIo} from '../fuse/structs/iomap.js';
import {setU64} from '../wire/index.js';
import type {MappingFields} from './mapping.js';
import {NO_ADDRESS} from './mapping.js';

const M = mappingIo.at;
const TWO_32 = 2 ** 32;
const ALL_ONES = 0xffffffff;

/** Bytes of a mapping on the wire. */
export const MAPPING_SIZE = mappingIo.size;

/** Writes a mapping whose numbers were checked. `dev` is the kernel's cookie here. */
export function writeMapping(
  view: DataView,
  at: number,
  mapping: Readonly<MappingFields>,
  cookie: number,
): void {
  setU64(view, at + M.offset, mapping.offset, true);
  setU64(view, at + M.length, mapping.length, true);
  // NO_ADDRESS is -1, which is all ones.
  setU64(view, at + M.addr, mapping.addr, true);
  view.setUint16(at + M.type, mapping.type, true);
  view.setUint16(at + M.flags, mapping.flags, true);
  view.setUint32(at + M.dev, cookie, true);
}

function quantity(view: DataView, at: number): number {
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
  if (value > Number.MAX_SAFE_INTEGER) throw failure('EINVAL');
  return value;
}

/** Reads a mapping; `dev` is the kernel's cookie afterwards. @throws Failure EINVAL for numbers that none of ours can have */
export function readMapping(view: DataView, at: number, into: MappingFields): void {
  into.offset = quantity(view, at + M.offset);
  into.length = quantity(view, at + M.length);
  const isNone =
    view.getUint32(at + M.addr, true) === ALL_ONES && view.getUint32(at + M.addr + 4, true) === ALL_ONES;
  into.addr = isNone ? NO_ADDRESS : quantity(view, at + M.addr);
  into.type = view.getUint16(at + M.type, true);
  into.flags = view.getUint16(at + M.flags, true);
  into.dev = view.getUint32(at + M.dev, true);
}
