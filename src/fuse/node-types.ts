import {InvalidReplyError} from './invalid-reply.js';

/** Nodes of one page, which are neighbours: inode numbers come in runs. */
const PAGE_NODES = 256;
/** Pages at most, 16 MiB. Beyond them everything is forgotten and learnt again: the check is one line of defence, not a register. */
const MOST_PAGES = 16_384;
/** The lower four bits of a cell are the type bits of a mode, the rest a part of the generation. */
const TYPE_BITS = 4;

function cellOf(generation: number, mode: number): number {
  return ((generation << TYPE_BITS) | ((mode >>> 12) & 0xf)) >>> 0;
}

/**
 * What kind of file each node is that the kernel was told of. A node keeps its type for life: a reply that makes a directory of
 * what was a file is a defect of the server (or somebody rewrites the image below it), and kernels before 5.11 went on with
 * an inode that was half of each (CVE-2020-36322, CVE-2021-28950). Another generation under the same number is another file.
 *
 * A node is forgotten when the kernel forgets it, so that this holds about as many nodes as the kernel has inodes.
 */
export class NodeTypes {
  readonly #pages = new Map<number, Uint32Array>();
  /** The page that was used last, and its number: listings go from neighbour to neighbour. */
  #last: Uint32Array | undefined;
  #lastNumber = -1;
  readonly #mostPages: number;

  /** @param mostPages pages of 1 KiB that it may take */
  constructor(mostPages: number = MOST_PAGES) {
    this.#mostPages = mostPages;
  }

  /** An entry leads to this node. @throws InvalidReplyError when the same node had another type */
  entry(nodeid: number, generation: number, mode: number): void {
    const page = this.#page(nodeid, true)!;
    const slot = nodeid % PAGE_NODES;
    const cell = cellOf(generation, mode);
    const known = page[slot]!;
    if (known === cell) return;
    if (known !== 0 && known >>> TYPE_BITS === cell >>> TYPE_BITS) throw changed(nodeid, known, mode);
    page[slot] = cell;
  }

  /** These are attributes of this node. @throws InvalidReplyError when it had another type */
  attributes(nodeid: number, mode: number): void {
    const known = this.#page(nodeid, false)?.[nodeid % PAGE_NODES] ?? 0;
    if (known === 0 || ((known ^ (mode >>> 12)) & 0xf) === 0) return;
    throw changed(nodeid, known, mode);
  }

  /** The kernel has forgotten the node. */
  forget(nodeid: number): void {
    const page = this.#page(nodeid, false);
    if (page !== undefined) page[nodeid % PAGE_NODES] = 0;
  }

  #page(nodeid: number, make: boolean): Uint32Array | undefined {
    const number = Math.floor(nodeid / PAGE_NODES);
    if (number === this.#lastNumber) return this.#last;
    let page = this.#pages.get(number);
    if (page === undefined) {
      if (!make) return undefined;
      if (this.#pages.size >= this.#mostPages) this.#pages.clear();
      page = new Uint32Array(PAGE_NODES);
      this.#pages.set(number, page);
    }
    this.#last = page;
    this.#lastNumber = number;
    return page;
  }
}

function changed(nodeid: number, known: number, mode: number): InvalidReplyError {
  const octal = (type: number) => `0${((type & 0xf) << 12).toString(8)}`;
  return new InvalidReplyError('node-type', {nodeid, was: octal(known), now: octal(mode >>> 12)});
}
