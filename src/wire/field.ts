/** How one field lies in memory: its size in bytes and how to read and write it at an offset. */
export interface Field<T> {
  readonly size: number;
  get(view: DataView, offset: number, littleEndian: boolean): T;
  set(view: DataView, offset: number, value: T, littleEndian: boolean): void;
}

/** A 64-bit field that is a quantity (size, offset, block) but does not fit a safe integer. */
export class UnsafeIntegerError extends RangeError {
  readonly value: bigint;

  constructor(value: bigint) {
    super(`${value} is above 2^53 - 1`);
    this.value = value;
    this.name = 'UnsafeIntegerError';
  }
}

const TWO_32 = 2 ** 32;

/** Reads an unsigned 64-bit quantity. @throws UnsafeIntegerError above 2^53 - 1. */
export function getU64(view: DataView, offset: number, littleEndian: boolean): number {
  const low = view.getUint32(littleEndian ? offset : offset + 4, littleEndian);
  const high = view.getUint32(littleEndian ? offset + 4 : offset, littleEndian);
  const value = high * TWO_32 + low;
  if (value > Number.MAX_SAFE_INTEGER) throw new UnsafeIntegerError(view.getBigUint64(offset, littleEndian));
  return value;
}

/** Writes an integer as 64 bits, negative ones in two's complement. `value` is a safe integer. */
export function setU64(view: DataView, offset: number, value: number, littleEndian: boolean): void {
  const high = Math.floor(value / TWO_32);
  view.setUint32(littleEndian ? offset : offset + 4, value - high * TWO_32, littleEndian);
  view.setUint32(littleEndian ? offset + 4 : offset, high >>> 0, littleEndian);
}

export const u8: Field<number> = {
  size: 1,
  get: (view, offset) => view.getUint8(offset),
  set: (view, offset, value) => view.setUint8(offset, value),
};
export const u16: Field<number> = {
  size: 2,
  get: (view, offset, le) => view.getUint16(offset, le),
  set: (view, offset, value, le) => view.setUint16(offset, value, le),
};
export const u32: Field<number> = {
  size: 4,
  get: (view, offset, le) => view.getUint32(offset, le),
  set: (view, offset, value, le) => view.setUint32(offset, value, le),
};
export const i32: Field<number> = {
  size: 4,
  get: (view, offset, le) => view.getInt32(offset, le),
  set: (view, offset, value, le) => view.setInt32(offset, value, le),
};
/** A 64-bit quantity as a safe integer. */
export const u64: Field<number> = {size: 8, get: getU64, set: setU64};
/** A signed 64-bit quantity as a safe integer. */
export const i64: Field<number> = {
  size: 8,
  get: (view, offset, le) => {
    const value = view.getBigInt64(offset, le);
    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
      throw new UnsafeIntegerError(value);
    }
    return Number(value);
  },
  set: setU64,
};
/** A 64-bit value that is only kept and echoed: a request id, a cookie, a mask. */
export const id64: Field<bigint> = {
  size: 8,
  get: (view, offset, le) => view.getBigUint64(offset, le),
  set: (view, offset, value, le) => view.setBigUint64(offset, value, le),
};

/** `length` raw bytes. Reading gives a view on the same memory, not a copy; a short value is filled up with zeros. */
export function bytes(length: number): Field<Uint8Array> {
  return {
    size: length,
    get: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, length),
    set: (view, offset, value) => {
      const target = new Uint8Array(view.buffer, view.byteOffset + offset, length);
      target.set(value.subarray(0, length));
      target.fill(0, Math.min(value.length, length));
    },
  };
}

/** `length` bytes that mean nothing: skipped when read, zero when written. */
export function pad(length: number): Field<undefined> {
  return {
    size: length,
    get: () => undefined,
    set: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, length).fill(0),
  };
}
