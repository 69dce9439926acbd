import {mkdirSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

// This file and the bundles it may go into (.cache/bundle) both lie two folders below the checkout.
const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Makes one JavaScript file of a TypeScript program in the checkout, so that plain node can run it, and returns its path.
 * Packages stay outside. Each process makes its own, so that two at once don't see half a file.
 */
export async function bundle(entry) {
  const folder = join(CHECKOUT, '.cache', 'bundle');
  mkdirSync(folder, {recursive: true});
  const name = entry.replaceAll(/[^a-z0-9]+/gi, '-');
  const outfile = join(folder, `${name}-${process.pid}.mjs`);
  await build({
    entryPoints: [resolve(CHECKOUT, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  return outfile;
}
