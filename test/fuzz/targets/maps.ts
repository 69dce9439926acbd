import type {Run} from '../../../src/ext4/block-map.js';
import {FileReader} from '../../../src/ext4/file-read.js';
import {INODE_FLAG, MODE_TYPE} from '../../../src/ext4/inode-flags.js';
import {newFileRange, RANGE} from '../../../src/ext4/map-range.js';
import {seek} from '../../../src/ext4/seek.js';
import {PIECES_MAX} from './pieces.js';
import {scene} from './scene.js';
import {BLOCK, BLOCKS} from './stage.js';
import {attempt, must, type Target} from './target.js';

const target = new Uint8Array(16 * BLOCK);
const MAX_RUNS = 300;

/** Asks for the whole map of the input's inode, and reads here and there. */
function follow(bytes: Uint8Array, extents: boolean): void {
  const found = scene(bytes, {
    kind: 'mapping block',
    type: MODE_TYPE.regular,
    set: extents ? INODE_FLAG.extents : 0,
    clear: INODE_FLAG.inlineData | INODE_FLAG.encrypt | (extents ? 0 : INODE_FLAG.extents),
  });
  if (found === undefined) return;
  const {ctx, inode} = found;
  const run: Run = {state: 0, physical: 0, length: 0};
  for (let block = 0, runs = 0; block < 2 ** 32 && runs < MAX_RUNS; block += run.length, runs++) {
    const from = block;
    if (attempt(() => ctx.map.find(inode, from, run) ?? true) === undefined) break;
    must(run.length >= 1 && Number.isSafeInteger(run.length), `a run of ${run.length} blocks`);
    if (run.state !== 0)
      must(run.physical > 1 && run.physical + run.length <= BLOCKS, `blocks ${run.physical} + ${run.length}`);
  }
  const reader = new FileReader(ctx.source, ctx.ranges);
  for (const position of [0, 12 * BLOCK, 300 * BLOCK, Math.max(0, inode.size - 5000)]) {
    const count = attempt(() => reader.read(inode, position, target, 0, target.length));
    if (count !== undefined) must(count <= target.length, `${count} bytes`);
  }
  const range = newFileRange();
  for (
    let at = 0, ranges = 0;
    at < 2 ** 50 && ranges < MAX_RUNS;
    at = range.offset + range.length, ranges++
  ) {
    const from = at;
    if (attempt(() => ctx.ranges.mapRange(inode, from, 1, 'far', range) ?? true) === undefined) break;
    must(
      range.offset === at && range.length >= BLOCK,
      `a range of ${range.length} bytes at ${range.offset}, not ${at}`,
    );
    const end = range.address + range.length;
    must(range.kind === RANGE.hole || (range.address > BLOCK && end <= BLOCKS * BLOCK), `bytes up to ${end}`);
  }
  for (const whence of ['data', 'hole'] as const) {
    const at = attempt(() => seek(ctx.ranges, inode, 0, whence));
    if (at !== undefined) must(at >= 0 && at <= inode.size, `seek to ${at} of ${inode.size}`);
  }
}

/** Extent trees: the root in the inode, its nodes as blocks. */
export const extentTree: Target = {
  name: 'extent-tree',
  maxBytes: PIECES_MAX,
  run: (bytes) => follow(bytes, true),
};

/** Indirect blocks, to three levels. */
export const indirectMap: Target = {
  name: 'indirect-map',
  maxBytes: PIECES_MAX,
  run: (bytes) => follow(bytes, false),
};
