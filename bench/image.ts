import {imageOf, MIB} from '../test/support/images.js';
import {type BulkSize, bulk} from '../test/support/tree/bulk.js';

/** What is measured on, and how often things are repeated. */
export interface BenchSize extends BulkSize {
  /** Random reads of one job. */
  readonly reads: number;
  /** For how long a call is repeated, in milliseconds. */
  readonly budgetMs: number;
}

export const FULL: BenchSize = {files: 50_000, small: 10_000, bigMiB: 512, reads: 10_000, budgetMs: 300};
/** Only to see that everything runs. */
export const SHORT: BenchSize = {files: 2000, small: 500, bigMiB: 16, reads: 500, budgetMs: 20};

/** The image that all contenders mount, made by default mkfs.ext4 options and kept in the cache. */
export function benchImage({files, small, bigMiB}: BulkSize): string {
  return imageOf({
    name: `bench-${files}-${small}-${bigMiB}`,
    feature: 'the tree that is measured',
    size: (2 * bigMiB + 64) * MIB + files * 3072,
    mkfs: ['-t', 'ext4', '-i', '4096'],
    chapters: [bulk({files, small, bigMiB})],
  });
}
