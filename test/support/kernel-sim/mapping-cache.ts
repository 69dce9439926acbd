import {MAP, OPF, writeLike} from './bits.js';
import {endOf, type Mapping} from './mapping.js';
import {MappingTree} from './mapping-tree.js';

/** A mapping for an operation: where data go or come from, and for writes beside what is there, where the old data are. */
export interface Found {
  readonly target: Mapping;
  readonly source: Mapping;
}

/** A mapping's slots to a pair: the write slot counts for operations that write, unless it says "as for reading". */
export function choose(read: Mapping, write: Mapping | undefined, opflags: number): Found {
  const plain = write === undefined || !writeLike(opflags) || write.type === MAP.PURE_OVERWRITE;
  return plain ? {target: read, source: read} : {target: write, source: read};
}

const NEVER_CACHED = (OPF.ATOMIC | OPF.SWAPFILE) >>> 0;

/** The mappings of one inode that the server pushed: two trees and a number that changes with each change of either. */
export class MappingCache {
  readonly read = new MappingTree();
  /** There once something else than "as for reading" was put in. */
  write: MappingTree | undefined;
  /** Compared to find out whether a mapping got from here still holds. */
  sequence = 1;
  /** How often a tree was emptied because of its limit. */
  emptied = 0;

  /** What the cache knows for an operation at a position; undefined to ask the server. */
  lookup(pos: bigint, opflags: number): Found | undefined {
    if ((opflags & NEVER_CACHED) !== 0) return undefined;
    const read = this.read.find(pos);
    if (read === undefined) return undefined;
    let write: Mapping | undefined;
    if (writeLike(opflags) && this.write !== undefined) {
      write = this.write.find(pos);
      if (write === undefined) return undefined;
    }
    const found = choose(read, write, opflags);
    return usable(found.target, opflags) ? found : undefined;
  }

  /** @param limit bytes for each tree */
  upsert(read: Mapping, write: Mapping, limit: number): void {
    if (read.type !== MAP.NOCACHE && this.read.upsert(read, limit)) this.emptied++;
    if (write.type !== MAP.NOCACHE) {
      if (write.type !== MAP.PURE_OVERWRITE) this.write ??= new MappingTree();
      if (this.write?.upsert(write, limit)) this.emptied++;
    }
    this.sequence++;
  }

  /** Forgets a range of both trees. */
  drop(start: bigint, end: bigint): void {
    this.dropRead(start, end);
    this.dropWrite(start, end);
  }

  dropRead(start: bigint, end: bigint): void {
    this.read.remove(start, end);
    this.sequence++;
  }

  dropWrite(start: bigint, end: bigint): void {
    this.write?.remove(start, end);
    this.sequence++;
  }
}

function usable(target: Mapping, opflags: number): boolean {
  if (target.type === MAP.HOLE) return !writeLike(opflags) || (opflags & (OPF.ZERO | OPF.UNSHARE)) !== 0;
  if (target.type === MAP.DELALLOC) return (opflags & (OPF.DIRECT | OPF.WRITEBACK)) === 0;
  return true;
}

/** The part of a mapping from `pos` on that is inside `[pos, limit)`: its end. */
export function reach(mapping: Mapping, limit: bigint): bigint {
  const end = endOf(mapping);
  return end < limit ? end : limit;
}
