import type {BlockSource} from '../block/index.js';

interface Magic {
  readonly type: string;
  /** Where the magic number lies, bytes from the start. */
  readonly offset: number;
  readonly bytes: readonly number[];
}

const ascii = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));

/**
 * Magic numbers of what people mount, as in blkid's and the kernel's headers. Those with a long magic come first: two bytes
 * at 1080 (ext) are more easily there by accident.
 */
const MAGICS: readonly Magic[] = [
  {type: 'btrfs', offset: 0x10040, bytes: ascii('_BHRfS_M')},
  {type: 'iso9660', offset: 0x8001, bytes: ascii('CD001')},
  {type: 'crypto_LUKS', offset: 0, bytes: [...ascii('LUKS'), 0xba, 0xbe]},
  {type: 'ntfs', offset: 3, bytes: ascii('NTFS    ')},
  {type: 'exfat', offset: 3, bytes: ascii('EXFAT   ')},
  {type: 'swap', offset: 4086, bytes: ascii('SWAPSPACE2')},
  {type: 'qcow2', offset: 0, bytes: [...ascii('QFI'), 0xfb]},
  {type: 'gzip', offset: 0, bytes: [0x1f, 0x8b, 0x08]},
  {type: 'zip', offset: 0, bytes: [...ascii('PK'), 3, 4]},
  {type: 'xfs', offset: 0, bytes: ascii('XFSB')},
  {type: 'squashfs', offset: 0, bytes: ascii('hsqs')},
  {type: 'erofs', offset: 1024, bytes: [0xe2, 0xe1, 0xf5, 0xe0]},
  {type: 'f2fs', offset: 1024, bytes: [0x10, 0x20, 0xf5, 0xf2]},
  {type: 'vfat', offset: 82, bytes: ascii('FAT32   ')},
  {type: 'vfat', offset: 54, bytes: ascii('FAT1')},
  {type: 'ext4', offset: 1080, bytes: [0x53, 0xef]},
  {type: 'a partition table', offset: 512, bytes: ascii('EFI PART')},
  {type: 'a partition table', offset: 510, bytes: [0x55, 0xaa]},
];

/** A stripefs superblock is JSON text that begins with its format; how it is set in lines is its writer's choice. */
const STRIPEFS = /^\s*\{\s*"format"\s*:\s*"fuseward-stripefs"/;
const TEXT_LENGTH = 256;

const PROBE_LENGTH = 0x10048;

/**
 * What a source looks like: a type name, `a partition table`, or undefined when nothing known is there. Only the server calls
 * this; the side with rights never looks into an image.
 */
export function detectType(source: BlockSource): string | undefined {
  const start = new Uint8Array(PROBE_LENGTH);
  const length = source.read(start, 0, PROBE_LENGTH, 0);
  if (STRIPEFS.test(Buffer.from(start.subarray(0, TEXT_LENGTH)).toString('latin1'))) return 'stripefs';
  const found = MAGICS.find(
    ({offset, bytes}) =>
      offset + bytes.length <= length && bytes.every((byte, index) => start[offset + index] === byte),
  );
  return found?.type;
}
