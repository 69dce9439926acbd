import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {ATTRIBUTES} from '../conformance/attributes.js';
import type {Check} from '../conformance/check.js';
import {NAMES} from '../conformance/names.js';
import {READ_ONLY} from '../conformance/read-only.js';
import {READING} from '../conformance/reading.js';
import {
  cannotContain,
  mountContained,
  tracesOf,
  unmountContained,
  withContainedMount,
} from '../support/contained-mount.js';
import {copyImage, MIB, ownImageOf, type Recipe} from '../support/images.js';
import {run} from '../support/mounts.js';
import {cannotMount, skipped, withOracle} from '../support/oracle.js';
import {Random} from '../support/random.js';
import {RECIPES} from '../support/recipes.js';
import {conformance} from '../support/tree/conformance.js';

/** What every program expects of a directory: demanded of an ordinary one, of the kernel's mount, and then of ours. */
const reason = cannotMount() ?? cannotContain();
const title = skipped(reason);
const CHECKS: readonly Check[] = [...READING, ...NAMES, ...ATTRIBUTES, ...READ_ONLY];

const recipe: Recipe = {
  name: 'conformance',
  feature: 'what the conformance checks look at',
  size: 24 * MIB,
  mkfs: ['-t', 'ext4'],
  chapters: [conformance],
};

function demand(kind: string, readOnly: boolean, root: () => string): void {
  for (const check of CHECKS) {
    if (check.readOnly !== true || readOnly) test(`${kind}: ${check.what}`, () => check.run(root()));
  }
}

describe.skipIf(reason !== undefined)(`conformance${title}`, () => {
  let directory = '';
  const at = (name: string): string => join(directory, name);
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'fuseward-conformance-'));
    for (const name of ['ordinary', 'kernel', 'ours']) mkdirSync(at(name));
    conformance({
      root: Buffer.from(at('ordinary')),
      random: new Random(1),
      traits: {blockSize: 4096, extents: true, xattrLimit: 1000, flags: false},
    });
    // A copy for the kernel: an image that is mounted already is not mounted again.
    copyImage(recipe, at('copy.img'));
    run('mount', ['-t', 'ext4', '-o', 'ro,loop', at('copy.img'), at('kernel')]);
    mountContained(ownImageOf(recipe), at('ours'));
  });
  afterAll(() => {
    // What a failed beforeAll did not mount is not unmounted; what stays mounted keeps its directory from being removed.
    if (tracesOf(at('kernel')).mounts.length > 0) run('umount', [at('kernel')]);
    if (tracesOf(at('ours')).mounts.length > 0) unmountContained(at('ours'));
    rmSync(directory, {recursive: true});
  });
  demand('ordinary directory', false, () => at('ordinary'));
  demand('kernel', true, () => at('kernel'));
  demand('contained mount', true, () => at('ours'));
});

/** What some user may do with each path: the answers of access(2) and of opening. */
const ASK = `
const fs = require('node:fs');
const [root, ...paths] = process.argv.slice(1);
const can = (action) => { try { action(); return 'yes'; } catch (error) { return error.code; } };
const answers = [];
for (const path of paths) {
  const full = root + '/' + path;
  answers.push([path,
    ...['R_OK', 'W_OK', 'X_OK'].map((name) => can(() => fs.accessSync(full, fs.constants[name]))),
    can(() => fs.closeSync(fs.openSync(full, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK))),
    can(() => fs.readdirSync(full))].join(' '));
}
console.log(JSON.stringify(answers));`;

function rightsOf(root: string, uid: number, gid: number, paths: readonly string[]): string[] {
  const {stdout, stderr} = spawnSync(process.execPath, ['-e', ASK, root, ...paths], {
    uid,
    gid,
    encoding: 'utf8',
    cwd: '/',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as string[];
}

describe.skipIf(reason !== undefined)(`rights${title}`, () => {
  test('every user may do what the kernel lets them do, by mode and by access control list', async () => {
    const ext4 = RECIPES.find(({name}) => name === 'ext4')!;
    const users = [
      [0, 0],
      [1000, 1000],
      [70_000, 1],
      [2003, 5],
      [12_345, 100],
      [65_536, 65_535],
    ] as const;
    await withContainedMount(ownImageOf(ext4), (ours) =>
      withOracle(ext4, (kernel) => {
        const {stdout} = spawnSync('find', ['acls', 'owners', 'special'], {cwd: kernel, encoding: 'utf8'});
        const paths = stdout
          .trim()
          .split('\n')
          .filter((path) => !/blk|chr|socket/.test(path));
        expect(paths.length).toBeGreaterThan(30);
        const seen = new Set<string>();
        for (const [uid, gid] of users) {
          const wanted = rightsOf(kernel, uid, gid, paths);
          expect(rightsOf(ours, uid, gid, paths), `uid ${uid}`).toEqual(wanted);
          seen.add(wanted.join('\n'));
        }
        // The users differ in what they may do, so the lists and modes were at work.
        expect(seen.size).toBeGreaterThan(3);
      }),
    );
  });
});
