import {chmodSync, cpSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';
import {onTestFinished} from 'vitest';
import {CHECKOUT} from '../../support/checkout.js';

/** Compiles a script of this folder, with what it imports, to one JavaScript file that plain node runs; removed after the test. */
export async function bundled(name: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'fuseward-sys-bundle-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  const here = fileURLToPath(new URL('.', import.meta.url));
  // A copy and not a link: the script may run as somebody who can't reach the checkout.
  for (const name of ['koffi', '@koromix']) {
    cpSync(join(CHECKOUT, 'node_modules', name), join(folder, 'node_modules', name), {recursive: true});
  }
  chmodSync(folder, 0o755);
  const outfile = join(folder, 'script.mjs');
  await build({
    entryPoints: [join(here, name)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['koffi'],
    outfile,
    logLevel: 'error',
  });
  return outfile;
}
