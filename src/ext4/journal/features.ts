import {UnsupportedError} from '../errors.js';

/** Feature bits of a jbd2 journal (Linux include/linux/jbd2.h). */

/** compat: commit blocks carry a CRC-32 of the whole transaction (checksum v1). */
export const COMPAT_CHECKSUM = 0x1;

/** incompat: there may be revoke records. */
export const INCOMPAT_REVOKE = 0x1;
/** incompat: block numbers have 64 bits. */
export const INCOMPAT_64BIT = 0x2;
/** incompat: a commit block may reach the disk before the blocks that it commits. */
export const INCOMPAT_ASYNC_COMMIT = 0x4;
/** incompat: CRC-32C in each block, its low half in tags. */
export const INCOMPAT_CSUM_V2 = 0x8;
/** incompat: CRC-32C in each block and, whole, in tags. */
export const INCOMPAT_CSUM_V3 = 0x10;
/** incompat: the last blocks of the journal hold fast commits. */
export const INCOMPAT_FAST_COMMIT = 0x20;

const KNOWN_INCOMPAT =
  INCOMPAT_REVOKE |
  INCOMPAT_64BIT |
  INCOMPAT_ASYNC_COMMIT |
  INCOMPAT_CSUM_V2 |
  INCOMPAT_CSUM_V3 |
  INCOMPAT_FAST_COMMIT;

/**
 * Refuses a journal with a feature that is not known: its blocks could mean anything. No read-only compatible
 * feature exists; the kernel refuses those too, as replaying writes.
 */
export function checkJournalFeatures(incompat: number, roCompat: number): void {
  const unknown = (incompat & ~KNOWN_INCOMPAT) >>> 0;
  if (unknown !== 0) throw new UnsupportedError('journal-incompat', {features: bitNames(unknown)});
  if (roCompat !== 0) throw new UnsupportedError('journal-ro-compat', {features: bitNames(roCompat)});
}

function bitNames(bits: number): string {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit++) if (((bits >>> bit) & 1) !== 0) names.push(`bit ${bit}`);
  return names.join(', ');
}
