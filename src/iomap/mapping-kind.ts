import {MAPPING_FLAG, type MappingFields, NO_ADDRESS} from './mapping.js';

/** Bits of type, flags and device in a kind. */
const FLAGS_AT = 8;
const DEV_AT = 18;
const TYPES = 1 << FLAGS_AT;
const FLAGS = 1 << (DEV_AT - FLAGS_AT);
const DEVS = 1 << (32 - DEV_AT);

/** Whether a mapping can be held: its numbers are in range, and its type, flags and device fit into a kind. */
export function isPackable({offset, length, type, flags, dev}: Readonly<MappingFields>): boolean {
  return (
    offset >= 0 &&
    length > 0 &&
    Number.isSafeInteger(offset + length) &&
    type >>> 0 < TYPES &&
    flags >>> 0 < FLAGS &&
    dev >>> 0 < DEVS
  );
}

/** Type, flags and device in 32 bits: what two neighbours must have in common to be one mapping. */
export function packKind({type, flags, dev}: Readonly<MappingFields>): number {
  return (type | (flags << FLAGS_AT) | (dev << DEV_AT)) >>> 0;
}

/** Sets type, flags and device. */
export function unpackKind(kind: number, out: MappingFields): void {
  out.type = kind & (TYPES - 1);
  out.flags = (kind >>> FLAGS_AT) & (FLAGS - 1);
  out.dev = kind >>> DEV_AT;
}

/** The address `distance` bytes into a mapping. */
export function addrAt(addr: number, distance: number): number {
  return addr === NO_ADDRESS ? NO_ADDRESS : addr + distance;
}

/** Whether what lies at `addr` goes on at `nextAddr`, `length` bytes later, for mappings of one kind. */
export function goesOn(kind: number, addr: number, length: number, nextAddr: number): boolean {
  return ((kind >>> FLAGS_AT) & MAPPING_FLAG.BOUNDARY) === 0 && addrAt(addr, length) === nextAddr;
}
