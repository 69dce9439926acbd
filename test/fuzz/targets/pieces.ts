import {BLOCK, BLOCKS, INODE_SIZE} from './stage.js';

/*
 * Inputs of parsers that follow pointers: flags, an inode, and blocks with their numbers.
 *
 *   0     flags (FLAG)
 *   1     inode, 256 bytes
 *   257   number of a block, u16; its 1024 bytes; and so on
 */
const HEAD = 1 + INODE_SIZE;
const PIECE = 2 + BLOCK;
const MAX_PIECES = 12;

/** The longest input in pieces. */
export const PIECES_MAX = HEAD + MAX_PIECES * PIECE;

export interface Pieces {
  readonly flags: number;
  readonly inode: Uint8Array;
  readonly blocks: ReadonlyArray<{readonly number: number; readonly bytes: Uint8Array}>;
}

export function encodePieces({flags, inode, blocks}: Pieces): Buffer {
  const parts = [Buffer.of(flags), Buffer.alloc(INODE_SIZE)];
  parts[1]!.set(inode);
  for (const {number, bytes} of blocks.slice(0, MAX_PIECES)) {
    const head = Buffer.alloc(2);
    head.writeUInt16LE(number);
    parts.push(head, Buffer.from(bytes));
  }
  return Buffer.concat(parts);
}

/** Any bytes are pieces; the last may be short. */
export function decodePieces(bytes: Uint8Array): Pieces {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const blocks: Array<{number: number; bytes: Uint8Array}> = [];
  for (let at = HEAD; at + 2 < input.length && blocks.length < MAX_PIECES; at += PIECE) {
    blocks.push({number: input.readUInt16LE(at) % BLOCKS, bytes: input.subarray(at + 2, at + PIECE)});
  }
  return {flags: input[0] ?? 0, inode: input.subarray(1, HEAD), blocks};
}
