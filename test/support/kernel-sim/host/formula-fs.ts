import {type AttrReply, type EntryReply, type FileSystem, failure} from '../../../../src/fuse/index.js';
import {
  type IomapDriver,
  type IomapKernel,
  type IomapVolume,
  MAPPING,
  type MappingPair,
} from '../../../../src/iomap/index.js';
import {dataBlockOf, EXTENT_BLOCK} from '../../million-extents.js';

const FILE = 2;

/** One file of as many mappings as are wanted, each of a single block and none continuing another: the worst that there can be. */
export class FormulaFs implements FileSystem, IomapDriver {
  readonly iomapVolume: IomapVolume = {blockSize: EXTENT_BLOCK, readOnly: true};
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
    const block = Math.floor(offset / EXTENT_BLOCK);
    if (block >= this.#mappings) {
      read.set(MAPPING.HOLE, this.#mappings * EXTENT_BLOCK, 2 ** 52 - this.#mappings * EXTENT_BLOCK);
      return;
    }
    read.place(MAPPING.MAPPED, block * EXTENT_BLOCK, EXTENT_BLOCK, dataBlockOf(block) * EXTENT_BLOCK);
  }

  #fill({attr}: Pick<AttrReply, 'attr'>): void {
    attr.mode = 0o100644;
    attr.size = this.#mappings * EXTENT_BLOCK;
    attr.flags = this.#kernel?.attrFlags ?? 0;
  }
}
