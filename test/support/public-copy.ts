import {chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, dirname, join} from 'node:path';
import {CHECKOUT} from './checkout.js';

/** What every program of the checkout needs beside itself: the door to libc. */
const ALWAYS = ['package.json', 'node_modules/koffi', 'node_modules/@koromix'];

/**
 * A copy of parts of the checkout that any user can read, for the time of an action: the checkout itself may lie in
 * /root. Paths are relative to the checkout, or absolute; the latter are copied by their last name.
 */
export function withPublicCopy<T>(paths: readonly string[], action: (root: string) => T): T {
  const root = mkdtempSync(join(tmpdir(), 'fuseward-public-'));
  try {
    chmodSync(root, 0o755);
    for (const path of [...ALWAYS, ...paths]) {
      const target = path.startsWith('/') ? join(root, basename(path)) : join(root, path);
      mkdirSync(dirname(target), {recursive: true});
      cpSync(path.startsWith('/') ? path : join(CHECKOUT, path), target, {recursive: true});
    }
    return action(root);
  } finally {
    rmSync(root, {recursive: true});
  }
}
