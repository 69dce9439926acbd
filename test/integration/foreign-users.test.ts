import {spawnSync} from 'node:child_process';
import {chmodSync, chownSync, mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeEach, describe, expect, test} from 'vitest';
import {performMount} from '../../src/cli/mount/perform.js';
import type {MountResult} from '../../src/helper/index.js';
import {O_PATH, O_RDONLY, openFd} from '../../src/sys/fd.js';
import {run} from '../support/mounts.js';
import {
  ADA,
  dir,
  GROUP,
  policies,
  RULE,
  target,
  tree,
  unmount,
  withGround,
  without,
} from './foreign-ground.js';

withGround();

describe.skipIf(without('squashfuse_ll') || without('mksquashfs') || without('bindfs'))(
  'what a user opened himself',
  () => {
    const adas = {uid: ADA, gid: ADA, cwd: '/', encoding: 'utf8'} as const;
    beforeEach(() => {
      chmodSync(dir, 0o755);
      chownSync(target, ADA, ADA);
      const rule = RULE.replace('"root"', '"*"');
      const squashfs =
        'force_options = ["ro"]\n[server]\ncommand = ["squashfuse_ll", "-f", "{source}", "{target}"]\n';
      writeFileSync(join(policies, 'squashfs.toml'), squashfs + rule);
      writeFileSync(
        join(policies, 'bindfs.toml'),
        `[server]\ncommand = ["bindfs", "--no-allow-other", "--force-user={uid}", "--force-group={gid}", "-f", "{source}", "{target}"]\n${rule}`,
      );
    });

    function order(source: string, type: string | undefined): Promise<MountResult> {
      const given = {source: openFd(source, O_RDONLY), target: openFd(target, O_PATH)};
      return performMount({
        ...{source, target, type, options: [], policyDirectory: policies, given, announce: false},
        ...{callerUid: ADA, callerGid: ADA, callerGroups: [ADA, GROUP]},
      });
    }

    test.each(['squashfs', undefined])('an image that only he may read, type %s', async (type) => {
      const image = join(dir, 'image');
      run('mksquashfs', [tree, image, '-quiet', '-no-progress']);
      chmodSync(image, 0o600);
      chownSync(image, ADA, ADA);
      // Without a type the rules of both decide.
      writeFileSync(join(policies, 'auto.toml'), RULE.replace('"root"', '"*"'));
      expect(await order(image, type)).toMatchObject({subtype: 'squashfs', readOnly: true});
      expect(spawnSync('diff', ['-r', tree, target], adas)).toMatchObject({status: 0, stdout: ''});
      unmount();
    });

    test('an image that a group lets him read', async () => {
      const image = join(dir, 'image');
      run('mksquashfs', [tree, image, '-quiet', '-no-progress']);
      chmodSync(image, 0o640);
      chownSync(image, 0, GROUP);
      expect(await order(image, 'squashfs')).toMatchObject({readOnly: true});
      expect(spawnSync('diff', ['-r', tree, target], adas)).toMatchObject({status: 0, stdout: ''});
      unmount();
    });

    test("a directory of his, and nothing of others' in it", async () => {
      const home = join(dir, 'home');
      mkdirSync(home, {mode: 0o700});
      writeFileSync(join(home, 'letter'), 'dear', {mode: 0o600});
      writeFileSync(join(home, 'of-root'), 'secret', {mode: 0o600});
      chownSync(home, ADA, ADA);
      chownSync(join(home, 'letter'), ADA, ADA);
      expect(await order(home, 'bindfs')).toMatchObject({readOnly: true});
      expect(spawnSync('cat', [join(target, 'letter')], adas).stdout).toBe('dear');
      expect(spawnSync('cat', [join(target, 'of-root')], adas).stderr).toMatch(/Permission denied/);
      unmount();
    });

    test('no directory of others, nor one with a mount in it, nor a device', async () => {
      await expect(order(tree, 'bindfs')).rejects.toMatchObject({code: 'source-kind'});
      const home = join(dir, 'home');
      mkdirSync(join(home, 'inner'), {recursive: true});
      chownSync(home, ADA, ADA);
      run('mount', ['-t', 'tmpfs', 'x', join(home, 'inner')]);
      try {
        await expect(order(home, 'bindfs')).rejects.toThrow(/something is mounted in it/);
      } finally {
        run('umount', [join(home, 'inner')]);
      }
      writeFileSync(join(dir, 'disk'), Buffer.alloc(65_536));
      const loop = run('losetup', ['--find', '--show', join(dir, 'disk')]).trim();
      try {
        await expect(order(loop, 'squashfs')).rejects.toThrow(
          /is a user's block device, and commands get devices from root alone: make an image file of it/,
        );
        await expect(order(dir, 'squashfs')).rejects.toThrow(/his own/);
      } finally {
        run('losetup', ['--detach', loop]);
      }
    });
  },
);
