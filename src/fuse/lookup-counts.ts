/**
 * The kernel's lookup counts, for file systems whose node ids stand for objects in memory: `add` with each entry that is
 * delivered, `forget` when the kernel gives lookups back. A node may be dropped when its count is gone, it has no name and
 * is not open. Counts are kept for nodes that have one only; the root (1) has none and is never gone.
 */
export class LookupCounts {
  readonly #counts = new Map<number, number>();

  /** One more entry with this node id was delivered. Returns the new count. */
  add(ino: number): number {
    const count = (this.#counts.get(ino) ?? 0) + 1;
    this.#counts.set(ino, count);
    return count;
  }

  /** The kernel gives back lookups. Returns whether none are left; giving back more than there are counts as all. */
  forget(ino: number, count: number): boolean {
    const left = (this.#counts.get(ino) ?? 0) - count;
    if (left > 0) {
      this.#counts.set(ino, left);
      return false;
    }
    this.#counts.delete(ino);
    return true;
  }

  /** Whether the kernel holds any. */
  has(ino: number): boolean {
    return this.#counts.has(ino);
  }

  get(ino: number): number {
    return this.#counts.get(ino) ?? 0;
  }

  /** Nodes with a count. */
  get size(): number {
    return this.#counts.size;
  }

  /** Forgets everything: at unmount no forgets are sent for what the kernel still had. */
  clear(): void {
    this.#counts.clear();
  }
}
