import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {mountAt, umount} from '../../src/sys/mount.js';
import {bundle} from '../support/bundle.mjs';
import {cannotContain} from '../support/contained-mount.js';
import {NO_RINGS, switchUring} from '../support/enable-uring.js';
import {CHECKS, type Feature} from './fuse-support/checks.js';
import {MISSING, Mounted} from './fuse-support/mounted.js';
import type {Kind, Transport} from './fuse-support/server-program.js';

/** Runs the checks, each in a directory of its own below `root()`. */
function conformance(root: () => string, lacks: readonly Feature[]): void {
  for (const [index, check] of CHECKS.entries()) {
    const lacking = check.needs?.find((feature) => lacks.includes(feature));
    test.skipIf(lacking)(`${check.name}${lacking ? ` (skipped: it has no ${lacking})` : ''}`, () => {
      const dir = join(root(), `check-${index}`);
      mkdirSync(dir);
      check.run(dir);
      rmSync(dir, {recursive: true});
    });
  }
}

const skipped = MISSING ? ` (skipped: ${MISSING})` : '';

describe.skipIf(MISSING)(`the checks hold on tmpfs${skipped}`, () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'fuseward-tmpfs-'));
    mountAt('tmpfs', root, 'tmpfs', 0);
  });
  afterAll(() => {
    umount(root);
    rmSync(root, {recursive: true});
  });
  conformance(() => root, []);
});

describe.skipIf(MISSING)(`the checks hold on mounts${skipped}`, () => {
  let program: string;
  beforeAll(async () => {
    program = await bundle('test/integration/fuse-support/server-program.ts');
  });
  afterAll(() => rmSync(program, {force: true}));

  const systems: ReadonlyArray<readonly [kind: Kind, transport: Transport, lacks: readonly Feature[]]> = [
    [
      'memory',
      'blocking',
      [
        'hard-links',
        'symlinks',
        'devices',
        'birth-time',
        'tmpfile',
        'rename-flags',
        'xattr-flags',
        'fallocate',
        'inode-flags',
      ],
    ],
    ['full', 'blocking', []],
    ['full', 'events', []],
    ...(NO_RINGS === undefined ? ([['full', 'ring', []]] as const) : []),
    // Where nothing can be contained the relay can't be started.
    ...(cannotContain() === undefined ? ([['full', 'relayed', []]] as const) : []),
  ];
  for (const [kind, transport, lacks] of systems) {
    describe(`${kind}, ${transport}`, () => {
      let mounted: Mounted;
      let switchBack = (): void => {};
      beforeAll(async () => {
        if (transport === 'ring') switchBack = switchUring(true);
        mounted = await Mounted.start(program, kind, transport);
      });
      afterAll(async () => {
        await mounted.discard();
        switchBack();
      });
      conformance(() => mounted.target, lacks);

      test('it ends with the mount, all handles released, and heard of no defect', async () => {
        expect(await mounted.stop()).toEqual({end: 'unmounted', handles: 0});
        expect(mounted.defects).toEqual([]);
      });
    });
  }
});
