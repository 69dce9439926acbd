import {foldName} from '../../../src/ext4/casefold.js';
import {decodeNoKeyName, noKeyName, noKeySymlink} from '../../../src/ext4/crypt-name.js';
import {type DirHash, dirHash} from '../../../src/ext4/dirhash/index.js';
import {attempt, must, type Target} from './target.js';

const SEED = Int32Array.of(0x12345678, -1, 0x7fffffff, 42);

/** Names: their hashes, folding, and what encrypted ones look like without the key. */
export const names: Target = {
  name: 'names',
  maxBytes: 300,
  run(bytes) {
    const out: DirHash = {hash: 0, minor: 0};
    for (let version = 0; version <= 7; version++) {
      if (!dirHash(bytes.subarray(0, 255), version, SEED, out)) continue;
      must(out.hash >= 0 && out.hash <= 0xffffffff && Number.isInteger(out.hash), `hash ${out.hash}`);
    }
    const folded = foldName(bytes.subarray(0, 255));
    if (folded !== undefined) {
      must(folded.length <= 255 * 18, `folded to ${folded.length} bytes`);
      const again = foldName(folded);
      must(again !== undefined && Buffer.compare(again, folded) === 0, 'folding twice is not folding once');
    }
    const shown = attempt(() => noKeyName(bytes.subarray(0, 255), 1, 2));
    if (shown !== undefined) {
      must(shown.length <= 255 && !shown.includes(0x2f) && !shown.includes(0), 'not a name');
      const known = decodeNoKeyName(shown);
      must(known?.hash === 1 && known.minor === 2, 'a no-key name that can not be taken apart');
    }
    decodeNoKeyName(bytes);
    attempt(() => noKeySymlink(bytes));
  },
};
