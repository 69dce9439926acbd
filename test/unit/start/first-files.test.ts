import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {MOUNT_COMMANDS} from '../../../src/cli/mount-commands.js';
import {MOUNTING} from '../../../src/start/mounting.js';
import {CHECKOUT} from '../../support/checkout.js';

test('the first file knows which commands have their code in the file of those that mount', () => {
  expect([...MOUNTING].sort()).toEqual(Object.keys(MOUNT_COMMANDS).sort());
});

test.each([
  // One of each of sys, launch and policy; two of a class of errors would be strangers to each other.
  ['mounts', 'cli/early', 'cli/mount', ['Cannot find function', 'child-pid', 'must be a table, [[allow]]']],
  // Errors of the system, and landlock.
  ['the request thread', 'sandbox/server.first', 'sandbox/server.thread', ['getSystemErrorMap', 'landlock_']],
])('what the first part of the code of %s has, the second takes from it', (_of, first, second, signs) => {
  const texts = [first, second].map((code) => readFileSync(join(CHECKOUT, `dist/${code}.code.js`), 'utf8'));
  for (const sign of signs) expect(texts.map((text) => text.includes(sign))).toEqual([true, false]);
});

/** Says whether V8 takes a program's cache, in a process that first does with flags what the first file does. */
const PROBE = `
const [, stem, forget] = process.argv;
const dist = stem.slice(0, stem.lastIndexOf('/dist/') + 6);
const {readFileSync} = await import('node:fs');
const {Script} = await import('node:vm');
const {forgetHeapFlags} = await import(dist + 'start/heap-flags.js');
if (forget === 'forget') forgetHeapFlags();
const script = new Script(readFileSync(stem + '.code.js', 'latin1'), {
  filename: stem + '.code.js',
  cachedData: readFileSync(stem + '.cache'),
});
process.stdout.write(script.cachedDataRejected ? 'rejected' : 'taken');
`;

function cacheOf(stem: string, flags: readonly string[], forget: 'forget' | 'keep'): string {
  const words = [...flags, '--input-type=module', '-e', PROBE, join(CHECKOUT, 'dist', stem), forget];
  return execFileSync(process.execPath, words, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']});
}

test.each([
  ['cli/main', []],
  ['cli/early', ['--min-semi-space-size=4']],
  ['cli/mount', ['--min-semi-space-size=4']],
  ['sandbox/server.main', ['--max-old-space-size=128']],
  ['sandbox/server.first', ['--max-old-space-size=48']],
  ['sandbox/server.thread', ['--max-old-space-size=48']],
])('V8 takes what was compiled of %s at the build, with the flags that it is started with', (stem, flags) => {
  expect(cacheOf(stem, flags, 'forget')).toBe('taken');
});

/** V8 of Node 24 and later leaves these flags out of the comparison. */
const newer = Number(process.versions.node.split('.')[0]) >= 24 ? 'V8 takes it anyway' : undefined;
test.skipIf(newer)(
  `with flags of the heap that are left as they are, it does not${newer ? ` (skipped: ${newer})` : ''}`,
  () => {
    expect(cacheOf('cli/mount', ['--min-semi-space-size=4'], 'keep')).toBe('rejected');
  },
);
