import {imageOf, MIB} from '../test/support/images.js';
import {type BulkSize, bulk} from '../test/support/tree/bulk.js';

export const FULL: BulkSize = {files: 50_000, small: 10_000, bigMiB: 256};
/** Only to see that everything runs. */
export const SHORT: BulkSize = {files: 2000, small: 500, bigMiB: 16};

/** The image that all contenders mount, made by default mkfs.ext4 options and kept in the cache. */
export function benchImage(size: BulkSize): string {
  return imageOf({
    name: `bench-${size.files}-${size.small}-${size.bigMiB}`,
    feature: 'the tree that is measured',
    size: (2 * size.bigMiB + 64) * MIB + size.files * 3072,
    mkfs: ['-t', 'ext4', '-i', '4096'],
    chapters: [bulk(size)],
  });
}
