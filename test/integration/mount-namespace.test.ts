import {spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {run} from '../support/mounts.js';
import {type Bench, FUSEWARD, fuseward, leftovers, settled, withBench} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const PRIVATE = ['unshare', '--mount', '--propagation', 'private'];
const RULE = '[[allow]]\nusers = ["root"]\nsources = ["**"]\ntargets = ["**"]\n';

const missing = missingForMounts();
const noSquashfs = ['/usr/bin/squashfuse_ll', '/usr/bin/mksquashfs'].find((path) => !existsSync(path));

describe.skipIf(missing)(`mounts in other mount namespaces${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let place: Bench;
  let before: number;
  withBench((made, servers) => {
    place = made;
    before = servers;
  });

  /** Mounts in a namespace that ends with the command. */
  async function leftAfter(...words: string[]): Promise<object> {
    expect(fuseward(['mount', ...words, place.target], PRIVATE)).toEqual({code: 0, stdout: '', stderr: ''});
    const {mounts, loops, servers} = await settled(place.dir, before);
    return {mounts, loops, servers: servers <= before ? 'none more' : servers};
  }
  const nothing = {mounts: [], loops: [], servers: 'none more'};

  test('a mount ends with its namespace, and its server and loop device with it', async () => {
    expect(await leftAfter(place.image)).toEqual(nothing);
  });

  test('one that is observed does so too', async () => {
    const policies = join(place.dir, 'policy');
    mkdirSync(policies);
    writeFileSync(join(policies, 'ext4.toml'), `[server]\nobserve = true\n${RULE}`);
    expect(await leftAfter('--policy', policies, '-t', 'ext4', '-o', 'ro', place.image)).toEqual(nothing);
  });

  test.skipIf(noSquashfs)(
    `one of a program of others does so too${noSquashfs ? ` (skipped: no ${noSquashfs})` : ''}`,
    async () => {
      const image = join(place.dir, 'image.sqsh');
      run('mksquashfs', [place.target, image, '-quiet', '-no-progress']);
      expect(await leftAfter('-t', 'squashfs', image)).toEqual(nothing);
    },
  );

  test('one that a namespace has a copy of stays, and umount says whose that is', async () => {
    expect(fuseward(['mount', place.image, place.target]).code).toBe(0);
    const [program, ...words] = [...PRIVATE, 'sh', '-c', 'echo there; exec sleep 60'];
    const keeper = spawn(program!, words, {stdio: ['ignore', 'pipe', 'ignore']});
    try {
      await new Promise((resolve) => keeper.stdout.once('data', resolve));
      const {code, stderr} = fuseward(['umount', place.target]);
      expect(code).toBe(1);
      expect(stderr).toBe(
        `fuseward: ${place.target} is unmounted here, but still mounted in the mount namespace of process ${keeper.pid} (sleep)\n`,
      );
    } finally {
      keeper.kill('SIGKILL');
    }
    const {mounts, loops, servers} = await settled(place.dir, before);
    expect({mounts, loops, servers: servers <= before}).toEqual({mounts: [], loops: [], servers: true});
  });

  test.skipIf(noSquashfs)(
    `a program of others keeps no other mount of this machine${noSquashfs ? ` (skipped: no ${noSquashfs})` : ''}`,
    async () => {
      const [image, other] = [join(place.dir, 'image.sqsh'), join(place.dir, 'other')];
      mkdirSync(other);
      run('mksquashfs', [place.target, image, '-quiet', '-no-progress']);
      run('mount', ['-o', 'loop,ro', place.image, other]);
      expect(fuseward(['mount', '-t', 'squashfs', image, place.target]).code).toBe(0);
      run('umount', [other]);
      // The loop device is free when the file system is, whoever had a copy of the mount.
      const held = () => leftovers(place.dir).loops.some((line) => line.includes(place.image));
      expect(await eventually(() => !held(), 5_000)).toBe(true);
      expect(fuseward(['umount', place.target]).code).toBe(0);
    },
  );

  test('one that is still there is known in there, whoever sweeps records meanwhile', async () => {
    const script =
      '"$1" mount "$2" "$3" && echo mounted && read go && "$1" status --json "$3" && "$1" umount "$3"';
    const [program, ...words] = [...PRIVATE, 'sh', '-c', script, 'sh', FUSEWARD, place.image, place.target];
    const child = spawn(program!, words, {stdio: ['pipe', 'pipe', 'ignore']});
    let text = '';
    child.stdout.on('data', (piece) => (text += piece));
    const ended = new Promise((resolve) => child.once('close', resolve));
    expect(await eventually(() => text.startsWith('mounted'), 30_000)).toBe(true);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(place.target);
    // An unmount sweeps, even one that finds nothing.
    const other = join(place.dir, 'other');
    mkdirSync(other);
    run('mke2fs', ['-q', '-t', 'ext4', join(place.dir, 'other.img'), '8M']);
    expect(fuseward(['mount', join(place.dir, 'other.img'), other]).code).toBe(0);
    expect(fuseward(['umount', other]).code).toBe(0);
    expect(leftovers(place.dir).records).toHaveLength(1);
    child.stdin.end('\n');
    await ended;
    const {record, containment} = JSON.parse(text.slice('mounted\n'.length));
    expect({target: record?.target, pid: containment?.pid}).toEqual({
      target: place.target,
      pid: record?.serverPid,
    });
    expect(leftovers(place.dir).records).toEqual([]);
  });
});
