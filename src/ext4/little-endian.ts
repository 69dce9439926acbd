/** Unsigned 16 bits at `at`. The caller knows that both bytes lie within `bytes`. */
export function le16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Unsigned 32 bits at `at`. The caller knows that all four bytes lie within `bytes`. */
export function le32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
