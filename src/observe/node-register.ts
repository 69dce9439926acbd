import {NodeTypes} from '../fuse/index.js';

/** Regions at most. Servers count their nodes, or use addresses or hashes; only of the last there are more. */
const MOST_REGIONS = 16;
/** Pages of 1 KiB in each. */
const PAGES_PER_REGION = 4_096;
const REGION_BITS = 16;
const TWO_32 = 2 ** 32;

/**
 * `NodeTypes` for node ids of any 64 bits, which arrive as two halves: the upper 16 bits are a region of their own. What it
 * remembers is bounded by 64 MiB; beyond that it forgets and learns again.
 */
export class NodeRegister {
  readonly #regions = new Map<number, NodeTypes>();

  /** Whether an entry may lead to this node with this type. */
  entry(low: number, high: number, generation: number, mode: number): boolean {
    return isSame(() => this.#region(high).entry(withinRegion(low, high), generation, mode));
  }

  /** Whether these may be attributes of this node. */
  attributes(low: number, high: number, mode: number): boolean {
    return isSame(() => this.#region(high).attributes(withinRegion(low, high), mode));
  }

  /** The kernel has forgotten the node. */
  forget(low: number, high: number): void {
    this.#regions.get(high >>> REGION_BITS)?.forget(withinRegion(low, high));
  }

  #region(high: number): NodeTypes {
    const number = high >>> REGION_BITS;
    let region = this.#regions.get(number);
    if (region === undefined) {
      if (this.#regions.size >= MOST_REGIONS) this.#regions.clear();
      region = new NodeTypes(PAGES_PER_REGION);
      this.#regions.set(number, region);
    }
    return region;
  }
}

function withinRegion(low: number, high: number): number {
  return (high & (2 ** REGION_BITS - 1)) * TWO_32 + low;
}

/** `NodeTypes` throws nothing but its word for another type. */
function isSame(learn: () => void): boolean {
  try {
    learn();
    return true;
  } catch {
    return false;
  }
}
