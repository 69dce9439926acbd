import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {O_RDONLY, openFd} from '../../src/sys/fd.js';
import {attachLoop} from '../../src/sys/loop.js';
import {imageOf, lacking, type Recipe} from '../support/images.js';
import {
  type Facts,
  factDifferences,
  kernelFacts,
  SERVED_BY_READ,
  simulatedFacts,
} from '../support/kernel-sim/file-facts.js';
import {SimKernel} from '../support/kernel-sim/kernel.js';
import {ServerProcess} from '../support/kernel-sim/server-process.js';
import {cannotMount, skipped, withOracle} from '../support/oracle.js';
import {RECIPES} from '../support/recipes.js';

/** Every image of the suite, read by the simulated kernel through a server's mappings, against the kernel's own ext4. */
const reason = cannotMount();
const title = skipped(reason);

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

/** Paths of files that were not read by iomap, by recipe. */
const byServer = new Map<string, string[]>();

/** What the simulated kernel finds on a recipe's image. */
function found(recipe: Recipe): {facts: Facts; faults: string[]; errors: readonly string[]} {
  using image = openFd(imageOf(recipe), O_RDONLY);
  const loop = attachLoop(image.fd, {readOnly: true, directIo: false, autoclear: true});
  using device = loop.device;
  const kernel = new SimKernel(server.serve({type: 'ext4', cacheBytes: 8 << 20}, [device.fd]));
  try {
    const facts = simulatedFacts(kernel, kernel.mount());
    kernel.unmount();
    return {facts, faults: kernel.faults.lines(), errors: server.done().errors};
  } finally {
    kernel.close();
  }
}

describe.skipIf(reason !== undefined)(`read by iomap as the kernel reads it${title}`, () => {
  for (const recipe of RECIPES) {
    const lack = lacking(recipe);
    test.skipIf(lack !== undefined)(`${recipe.name}: ${recipe.feature}${skipped(lack)}`, () => {
      const wanted = withOracle(recipe, kernelFacts);
      const {facts, faults, errors} = found(recipe);
      // What was copied has the same data elsewhere, and holes where there were zeros.
      const fields = recipe.oracle === 'source' ? (['content'] as const) : undefined;
      expect(factDifferences(wanted, facts, fields)).toEqual([]);
      expect(faults).toEqual([]);
      expect(errors).toEqual([]);
      byServer.set(
        recipe.name,
        [...facts].filter(([, {extents}]) => extents === SERVED_BY_READ).map(([path]) => path),
      );
    });
  }

  test('none of these files was read by READ instead', () => {
    expect(byServer.size).toBeGreaterThan(0);
    expect([...byServer].filter(([, paths]) => paths.length > 0)).toEqual([]);
  });
});
