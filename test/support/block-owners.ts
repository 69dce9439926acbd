import {failure} from '../../src/fuse/index.js';

/** Which file each block of a device belongs to: an allocator that finds out when somebody takes or frees what is not his. */
export class BlockOwners {
  /** 0 for nobody. Block 0 is never anybody's, like that of a superblock. */
  readonly #owners: Uint32Array;

  constructor(blocks: number) {
    this.#owners = new Uint32Array(blocks);
    this.#owners[0] = 1;
  }

  get free(): number {
    return this.#owners.reduce((free, owner) => free + (owner === 0 ? 1 : 0), 0);
  }

  /** The first run of at least `least` and at most `most` free blocks, for `ino` from now on. @throws Failure ENOSPC */
  reserve(ino: number, least: number, most: number): {disk: number; count: number} {
    const owners = this.#owners;
    for (let disk = 0; disk < owners.length; disk++) {
      let count = 0;
      while (count < most && disk + count < owners.length && owners[disk + count] === 0) count++;
      if (count >= least) {
        owners.fill(ino, disk, disk + count);
        return {disk, count};
      }
      disk += count;
    }
    throw failure('ENOSPC');
  }

  /** @throws Error when they are not all `ino`'s */
  release(ino: number, disk: number, count: number): void {
    const owned = this.#owners.subarray(disk, disk + count);
    if (owned.some((owner) => owner !== ino))
      throw new Error(`blocks ${disk}+${count} are not all of ${ino}`);
    owned.fill(0);
  }

  /** The only owner of these blocks. @throws Error when there are several */
  ownerOf(disk: number, count: number): number {
    const owners = new Set(this.#owners.subarray(disk, disk + count));
    if (owners.size !== 1) throw new Error(`blocks ${disk}+${count} belong to ${[...owners]}`);
    return [...owners][0]!;
  }
}
