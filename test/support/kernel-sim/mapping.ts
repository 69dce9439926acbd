import {viewOf} from '../../../src/wire/index.js';
import {MAP, MAPF, NONE, OPF, SERVER_MAPF, typeName, writeLike} from './bits.js';
import type {Devices} from './devices.js';
import type {FaultKind} from './faults.js';
import {mapping as layout} from './structs.js';
import type {Traits} from './version.js';

/** Where a piece of a file lies. Positions in bytes. */
export interface Mapping {
  readonly offset: bigint;
  readonly length: bigint;
  readonly addr: bigint;
  readonly type: number;
  readonly flags: number;
  readonly dev: number;
}

export function endOf({offset, length}: Mapping): bigint {
  return offset + length;
}

export function covers(mapping: Mapping, pos: bigint): boolean {
  return mapping.offset <= pos && pos < endOf(mapping);
}

export function decodeMapping(body: Uint8Array, at: number): Mapping {
  return layout.read(viewOf(body), at);
}

export function mappingText({offset, length, addr, type, flags, dev}: Mapping): string {
  const where = addr === NONE ? 'none' : `${dev}:${addr}`;
  return `${typeName(type)} ${offset}+${length} at ${where}, flags ${flags}`;
}

/** What a mapping is held against. */
export interface CheckGround {
  readonly traits: Traits;
  readonly blockSize: bigint;
  readonly maxbytes: bigint;
  readonly devices: Devices;
}

/** Where a mapping comes from: a slot of an IOMAP_BEGIN answer with what was asked, or an upsert. */
export type Place =
  | {readonly slot: 'read' | 'write'; readonly pos: bigint; readonly opflags: number}
  | {readonly slot: 'read-upsert' | 'write-upsert'};

const U64_LIMIT = 1n << 64n;

/** What is wrong with a mapping, by the kernel's checks in their order; undefined when nothing is. */
export function mappingFault(mapping: Mapping, place: Place, ground: CheckGround): FaultKind | undefined {
  const {offset, length, type, flags} = mapping;
  const {traits, blockSize, maxbytes} = ground;
  if (typeName(type) === `${type}`) return 'map-type';
  if (!allowedIn(type, place, traits.strict)) return 'map-slot';
  if ((flags & ~SERVER_MAPF) !== 0) return 'map-flags';
  if (length === 0n) return 'map-zero-length';
  if (offset + length >= U64_LIMIT) return 'map-overflow';
  if (offset >= maxbytes) return 'map-beyond-maxbytes';
  if (offset % blockSize !== 0n || length % blockSize !== 0n) return 'map-alignment';
  if ('pos' in place && !covers(mapping, place.pos)) return 'map-not-covering';
  return (
    addressFault(mapping, place, ground) ?? (traits.strict ? strictFault(mapping, place, ground) : undefined)
  );
}

function allowedIn(type: number, {slot}: Place, strict: boolean): boolean {
  switch (type) {
    case MAP.PURE_OVERWRITE:
      return slot === 'write' || slot === 'write-upsert';
    case MAP.RETRY_CACHE:
      return slot === 'read' || (strict && slot === 'write');
    case MAP.NOCACHE:
      return slot === 'read-upsert' || slot === 'write-upsert';
    default:
      return true;
  }
}

function addressFault(
  mapping: Mapping,
  place: Place,
  {devices, blockSize}: CheckGround,
): FaultKind | undefined {
  const {addr, dev, length, type} = mapping;
  if (type !== MAP.MAPPED && type !== MAP.UNWRITTEN) {
    if (addr !== NONE) return 'map-address';
    return dev === 0 ? undefined : 'map-device';
  }
  if (addr === NONE) return 'map-address';
  if (dev === 0) return 'map-device';
  // The kernel has no device to hold an address of the write slot against, unless it is going to write.
  if (place.slot === 'write' && !writeLike(place.opflags)) return undefined;
  const device = devices.get(dev);
  if (device === undefined) return 'map-cookie';
  // A device's blocks of 512 bytes are the least; the file system's are never smaller than the device's own.
  const unit = blockSize < BigInt(device.sectorSize) ? blockSize : BigInt(device.sectorSize);
  if (addr % unit !== 0n) return 'map-address-alignment';
  return addr + length > BigInt(device.size) ? 'map-device-end' : undefined;
}

const SPECIAL: ReadonlySet<number> = new Set([MAP.NOCACHE, MAP.RETRY_CACHE, MAP.PURE_OVERWRITE]);

function strictFault(
  mapping: Mapping,
  place: Place,
  {devices, blockSize}: CheckGround,
): FaultKind | undefined {
  const {type, flags, length, dev} = mapping;
  if (SPECIAL.has(type)) return flags === 0 ? undefined : 'map-special-flags';
  if (type === MAP.INLINE && length > blockSize) return 'map-inline-length';
  const atomic = 'pos' in place && (place.opflags & OPF.ATOMIC) !== 0;
  if (atomic && !((type === MAP.MAPPED || type === MAP.UNWRITTEN) && (flags & MAPF.ATOMIC_BIO) !== 0)) {
    return 'map-atomic';
  }
  const writes =
    place.slot === 'write-upsert' || ('pos' in place && place.slot === 'write' && writeLike(place.opflags));
  return writes && dev !== 0 && devices.get(dev)?.readOnly === true ? 'map-read-only-device' : undefined;
}
