import assert from 'node:assert/strict';
import {mkdirSync, renameSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeAll, beforeEach, describe, test} from 'vitest';
import {MountError, type MountErrorCode} from '../../src/helper/errors.js';
import {mount} from '../../src/helper/mount.js';
import {unmount} from '../../src/helper/unmount.js';
import {ERRNO, type ErrnoCode} from '../../src/sys/errno-codes.js';
import {mountAtPath} from '../../src/sys/mount-info.js';
import type {FakeScript} from './helper-fake-server.js';
import {
  bundle,
  FakeServers,
  missingForMounts,
  type Playground,
  playground,
  recordingLog,
  request,
  tracesOf,
} from './helper-support.js';

const missing = missingForMounts();

describe.skipIf(missing !== undefined)(
  `helper mounts for real${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let program: string;
    let place: Playground;
    let servers: FakeServers;
    let before: ReturnType<typeof tracesOf>;

    beforeAll(() => {
      program = bundle('helper-fake-server');
    });
    beforeEach(() => {
      place = playground();
      servers = new FakeServers(program);
      before = tracesOf(place.dir);
    });
    afterEach(async () => {
      const gone = await servers.allGone();
      const after = tracesOf(place.dir);
      place.remove();
      assert.deepEqual(after, before, 'something was left behind');
      assert.ok(gone, 'a server was left behind');
    });

    test('mounts, forces nosuid and nodev, and unmounts', async () => {
      const result = await mount(request(place), servers.deps({detected: {type: 'other', blockSize: 4096}}));
      const entry = mountAtPath(place.target);
      assert.ok(entry);
      assert.equal(entry.fsType, 'fuse.fake');
      assert.equal(entry.source, place.image);
      for (const option of ['nosuid', 'nodev', 'rw', 'relatime'])
        assert.ok(entry.options.includes(option), option);
      assert.equal(result.mountId, entry.id);
      assert.equal(result.connectionId, entry.minor);
      assert.equal(result.target, place.target);
      assert.equal(result.subtype, 'fake');
      assert.equal(result.blockSize, 4096);
      assert.equal(result.serverPid, servers.children[0]?.pid);
      assert.match(result.loopDevice ?? '', /^\/dev\/loop\d+$/);
      assert.equal(statSync(place.target).ino, 1);
      const done = await unmount(place.target, {serverPid: result.serverPid as number});
      assert.deepEqual(done, {
        target: place.target,
        source: place.image,
        loopReleased: true,
        serverGone: true,
      });
    });
  },
);
