/** What a run of file blocks is. */
export const RUN = {hole: 0, written: 1, unwritten: 2} as const;

/**
 * One decoded node of a file's block map: a node of an extent tree, or an indirect block. Packed, so that a file
 * of thousands of pieces is three arrays and not thousands of objects.
 *
 * Entry `i` covers the file blocks from `logical[i]` to before `logical[i] + length[i]`. Entries are in order
 * and apart from each other; what no entry covers is a hole.
 */
export interface MapNode {
  readonly ino: number;
  /** 0: entries are data; above: entries are nodes of the next lower level. */
  readonly level: number;
  /** The file blocks this node tells about: from `first` to before `end`. */
  readonly first: number;
  readonly end: number;
  readonly count: number;
  readonly logical: Uint32Array;
  readonly length: Float64Array;
  /** Blocks on disk: where the data starts, or the node of the lower level. */
  readonly physical: Float64Array;
  /** RUN.written or RUN.unwritten of each entry. */
  readonly state: Uint8Array;
  /** Entry found last; reading on mostly finds it or the next. */
  recent: number;
}

/** Index of the last entry that begins at or before `block`; -1 when all begin after it. */
export function findEntry(node: MapNode, block: number): number {
  const {logical, count} = node;
  const recent = node.recent;
  // An index at or above `count` reads undefined, and comparisons with that are false.
  if (recent < count && logical[recent]! <= block) {
    if (recent + 1 >= count || block < logical[recent + 1]!) return recent;
    if (recent + 2 >= count || block < logical[recent + 2]!) {
      node.recent = recent + 1;
      return recent + 1;
    }
  }
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (logical[middle]! <= block) low = middle + 1;
    else high = middle;
  }
  if (low > 0) node.recent = low - 1;
  return low - 1;
}
