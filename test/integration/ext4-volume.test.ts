import {closeSync, openSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {FileSource} from '../../src/block/index.js';
import {Volume} from '../../src/ext4/index.js';
import {imageOf, lacking, type Recipe} from '../support/images.js';
import {compareMappings} from '../support/mapping-check.js';
import {cannotMount, differences, skipped, withOracle} from '../support/oracle.js';
import {Random, seedOf} from '../support/random.js';
import {RECIPES} from '../support/recipes.js';
import {type Snapshot, snapshot} from '../support/snapshot.js';
import {volumeSnapshot} from '../support/volume-snapshot.js';

/** The driver itself, without FUSE, against the kernel's own mount of every image: nothing may
 * differ, neither what it shows nor where it says that files lie. */
const reason = cannotMount();
const title = skipped(reason);

function opened(recipe: Recipe): Snapshot {
  const fd = openSync(imageOf(recipe), 'r');
  try {
    return volumeSnapshot(Volume.open(new FileSource(fd), {cacheLimit: 8 << 20}));
  } finally {
    closeSync(fd);
  }
}

describe.skipIf(reason !== undefined)(`the driver shows what the kernel shows${title}`, () => {
  for (const recipe of RECIPES) {
    const lack = lacking(recipe);
    test.skipIf(lack !== undefined)(`${recipe.name}: ${recipe.feature}${skipped(lack)}`, () => {
      const kernel = withOracle(recipe, (root) => {
        const seen = snapshot(root);
        // A copy has its own places.
        if (recipe.oracle !== 'source')
          compareMappings(imageOf(recipe), root, seen, new Random(seedOf(recipe.name)));
        return seen;
      });
      const ours = opened(recipe);
      expect(ours.entries.size).toBeGreaterThan(2);
      expect(differences(recipe, kernel, ours)).toEqual([]);
    });
  }
});
