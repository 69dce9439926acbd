import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdirSync, rmdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, test} from 'vitest';
import {mount} from '../../src/helper/mount.js';
import {unmount} from '../../src/helper/unmount.js';
import {mountAtPath} from '../../src/sys/mount-info.js';
import {fails} from './helper-expected.js';
import {withFakeServers} from './helper-fixture.js';
import {
  type FakeServers,
  missingForMounts,
  type Playground,
  recordingLog,
  request,
} from './helper-support.js';

const missing = missingForMounts();

describe.skipIf(missing !== undefined)(`helper unmount${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let place: Playground;
  let servers: FakeServers;

  withFakeServers((fresh) => {
    ({place, servers} = fresh);
  });

  test('unmount refuses what is not there, not of FUSE, or busy', async () => {
    const file = join(place.dir, 'none');
    await fails(unmount(file), {
      code: 'not-mounted',
      message: /^can't unmount .*\/none: there is no such directory/,
    });
    await fails(unmount(place.target), {
      code: 'not-mounted',
      errno: 'EINVAL',
      message: /^can't unmount .*\/mnt: nothing is mounted there$/,
    });
    await fails(unmount('/proc'), {
      code: 'not-ours',
      errno: 'EPERM',
      message: /^can't unmount \/proc: it is a mount of proc, not one of a FUSE server$/,
    });
    await mount(request(place), servers.deps({}));
    const user = spawn('sleep', ['60'], {cwd: place.target});
    await new Promise((resolve) => user.once('spawn', resolve));
    await fails(unmount(place.target), {
      code: 'target-busy',
      errno: 'EBUSY',
      message: /^can't unmount .*\/mnt: it is busy: files in it are open/,
    });
    assert.notEqual(mountAtPath(place.target), undefined);
    await unmount(place.target, {lazy: true});
    assert.equal(mountAtPath(place.target), undefined);
    user.kill('SIGKILL');
    await new Promise((resolve) => user.once('exit', resolve));
  });

  test('unmount takes away a mount whose server is dead', async () => {
    await mount(request(place), servers.deps({}));
    servers.children[0]?.kill('SIGKILL');
    await servers.allGone();
    const result = await unmount(place.target);
    assert.equal(result.loopReleased, true);
  });

  test('a mount on top of a mount is busy, and only the topmost is unmounted', async () => {
    await mount(request(place), servers.deps({}));
    const log = recordingLog();
    const second = join(place.dir, 'second.img');
    writeFileSync(second, Buffer.alloc(4096));
    await fails(mount(request(place, {source: second}), servers.deps({}, {log})), {
      code: 'target-busy',
      errno: 'EBUSY',
      message: /mnt: it is already busy with another mount$/,
    });
    await unmount(place.target);
    mkdirSync(join(place.target, 'x'));
    rmdirSync(join(place.target, 'x'));
  });
});
