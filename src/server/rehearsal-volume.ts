/**
 * 64 KiB with checksums and extents, as mke2fs 1.47.0 makes them of a directory that holds `directory/` and `file` (6 bytes), deflated:
 * `mke2fs -t ext4 -b 1024 -N 16 -m 0 -O ^has_journal,^resize_inode,^huge_file -E lazy_itable_init=0 -d DIRECTORY IMAGE`.
 */
const DEFLATED = [
  '7dy9axNxGAfw5y6x2jdotVQ3iy7Fl9o/QCQKDoVuvoMI2hfURou1DqJDXXQQXBS6iFMH3RwUHEREcRAcHHQVJ+kiCopr5JJWtLR2',
  'qBjjfT5w4Q5+l1+eX+57PENyEUBedUREaW6/NyIKEZH8PKCntnXMHXYOtI9FVCr7PiXVcbXjmvnzWucOsvd7lkYMFedHlGKqjrVu',
  '2Xmxd3J2943Hz69d7tx35GYSpWj7pa4/qyd6fl3LOcUkovs/u46aRanhXH1VGs3yvi4iNlfzX4hC1MJ6782lD4W427TUuVOHXr2w',
  'gtDYKpXVsTNiqgLkThoRbZGkfRFR20/Tvr5aD98VLWl5/Pzk1tHxC2eHo9ord0VzOnxqYmRocnziYkS0R8SDQjEZPVUecTeFxtAW',
  '8e79sSe7Whfkf7ZQyz/wf+d/3eTMYLb/tWA9IG/5P7P33CP5B/kH5B+Qf0D+AfkH5B+Qf0D+AfkHGi//bX7/D7nM/57X0w9PjpTL',
  '4y3WA/KostF/oCGv3AEBAAAAAAAAAAAAAAAAAODf0znQPja//a05+9/Wv+6PuyOiuFj9xerzkCLWVF9bviTZsB+S2mkrMt0X0RMH',
  '7i/8HvJyze2/nu/MPdmW7/o/d+e7/k2H811/+US+6/+2Pt/1P9qe7/pPD9X/MzzN+p/+xfqfNDb8pv/Jnhu5aoVz37md9T+Pu+rZ',
  '/yzd/6XL9n+dK5x7cEdW/8Gj9ax/5kpE06L9f7Js/WtXOHfpZVb/8Vt57X8BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAaFzfAQ==',
].join('');

/** Bytes of that image. */
const SIZE = 65_536;

/** Node ids in it. */
export const VOLUME = {root: 1, file: 13} as const;

/** A small ext4 file system of our own, on which a server that waits can do what it will do later on others'. */
export function rehearsalVolume(): Uint8Array<ArrayBuffer> {
  // Not loaded by servers that don't wait.
  const {inflateRawSync} = process.getBuiltinModule('node:zlib');
  return new Uint8Array(inflateRawSync(Buffer.from(DEFLATED, 'base64'), {maxOutputLength: SIZE}));
}
