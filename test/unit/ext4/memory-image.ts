import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {BlockSource} from '../../../src/block/index.js';
import {CRC_START, crc32c, crc32cLe32} from '../../../src/ext4/checksum.js';
import {decodeSuperblock, type Superblock} from '../../../src/ext4/superblock.js';
import {run} from '../../support/mounts.js';

/** Why images can't be made here; undefined where they can. */
export function cannotMakeImages(): string | undefined {
  return spawnSync('mke2fs', ['-V']).status === 0 ? undefined : 'mke2fs is not installed';
}

/** An image in memory, with what tests need to change it. */
export class MemoryImage implements BlockSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly size: number;
  /** Positions and lengths of all reads so far. */
  readonly reads: Array<[position: number, length: number]> = [];

  constructor(bytes: Uint8Array) {
    this.bytes = Uint8Array.from(bytes);
    this.view = new DataView(this.bytes.buffer);
    this.size = bytes.length;
  }

  /** A new image by mke2fs; `tree` is what to fill it with (mke2fs -d). */
  static make(sizeMib: number, args: readonly string[], tree?: string): MemoryImage {
    const folder = mkdtempSync(join(tmpdir(), 'fuseward-image-'));
    try {
      const path = join(folder, 'image');
      writeFileSync(path, '');
      truncateSync(path, sizeMib << 20);
      const fill = tree === undefined ? [] : ['-d', tree];
      run('mke2fs', ['-q', '-F', ...args, ...fill, path]);
      return new MemoryImage(readFileSync(path));
    } finally {
      rmSync(folder, {recursive: true});
    }
  }

  copy(): MemoryImage {
    return new MemoryImage(this.bytes);
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    this.reads.push([position, length]);
    const part = this.bytes.subarray(position, position + length);
    target.set(part, targetOffset);
    return part.length;
  }

  get superblock(): Superblock {
    return decodeSuperblock(this.bytes.slice(1024, 2048));
  }

  /** Changes a little-endian field of the superblock and its checksum with it. */
  setSuperblock(at: number, bits: 8 | 16 | 32, value: number): this {
    this.set(1024 + at, bits, value);
    return this.seal();
  }

  /** Makes the superblock's checksum right. */
  seal(): this {
    this.view.setUint32(1024 + 0x3fc, crc32c(CRC_START, this.bytes, 1024, 1024 + 0x3fc), true);
    return this;
  }

  set(at: number, bits: 8 | 16 | 32, value: number): void {
    if (bits === 8) this.view.setUint8(at, value);
    else if (bits === 16) this.view.setUint16(at, value, true);
    else this.view.setUint32(at, value, true);
  }
}

/** Makes the checksum of a 256-byte inode right. */
export function sealInode(superblock: Superblock, ino: number, raw: Uint8Array): void {
  const d = new DataView(raw.buffer, raw.byteOffset, raw.length);
  d.setUint16(0x7c, 0, true);
  const wide = raw.length > 128 && d.getUint16(0x80, true) >= 4;
  if (wide) d.setUint16(0x82, 0, true);
  const seed = crc32cLe32(crc32cLe32(superblock.checksumSeed, ino), d.getUint32(0x64, true));
  const crc = crc32c(seed, raw);
  d.setUint16(0x7c, crc & 0xffff, true);
  if (wide) d.setUint16(0x82, crc >>> 16, true);
}

/** Bytes from hex digits; blanks do not count. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}
