import {type AttrReply, type EntryReply, type FileSystem, failure} from '../../../../src/fuse/index.js';
import {
  type IomapDriver,
  type IomapKernel,
  type IomapVolume,
  MAPPING,
  type MappingPair,
} from '../../../../src/iomap/index.js';

export const FORMULA_BLOCK = 4096;
/** Blocks of the device that hold data; the file's blocks take turns at them. */
export const FORMULA_PLACES = 64;
const FILE = 2;

/** Which block of the device holds a block of the file: never the one after its predecessor's. */
export function placeOf(block: number): number {
  return (block * 27) % FORMULA_PLACES;
}

/** One file of as many mappings as are wanted, each of a single block and none continuing another: the worst that there can be. */
export class FormulaFs implements FileSystem, IomapDriver {
  readonly iomapVolume: IomapVolume = {blockSize: FORMULA_BLOCK, readOnly: true};
  readonly #mappings: number;
  #kernel: IomapKernel | undefined;

  constructor(mappings: number) {
    this.#mappings = mappings;
  }

  iomapStart(kernel: IomapKernel): void {
    this.#kernel = kernel;
  }

  lookup(_parent: number, _name: Uint8Array, entry: EntryReply): void {
    entry.nodeid = FILE;
    this.#fill(entry);
  }

  getattr(ino: number, _fh: number | undefined, reply: AttrReply): void {
    if (ino === 1) reply.attr.mode = 0o040755;
    else this.#fill(reply);
  }

  mapRange(ino: number, offset: number, _length: number, _op: number, {read}: MappingPair): void {
    if (ino !== FILE) throw failure('EISDIR');
    const block = Math.floor(offset / FORMULA_BLOCK);
    if (block >= this.#mappings) {
      read.set(MAPPING.HOLE, this.#mappings * FORMULA_BLOCK, 2 ** 52 - this.#mappings * FORMULA_BLOCK);
      return;
    }
    read.place(MAPPING.MAPPED, block * FORMULA_BLOCK, FORMULA_BLOCK, placeOf(block) * FORMULA_BLOCK);
  }

  #fill({attr}: Pick<AttrReply, 'attr'>): void {
    attr.mode = 0o100644;
    attr.size = this.#mappings * FORMULA_BLOCK;
    attr.flags = this.#kernel?.attrFlags ?? 0;
  }
}
