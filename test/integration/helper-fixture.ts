import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {rmSync} from 'node:fs';
import {afterAll, afterEach, beforeAll, beforeEach} from 'vitest';
import {bundle, FakeServers, type Playground, playground, tracesOf} from './helper-support.js';

/**
 * Gives each test of the suite that calls it a playground and fake servers (and their bundled program), hands them over before it begins, and sees to it that
 * nothing is left behind.
 */
export function withFakeServers(
  begin: (fresh: {program: string; place: Playground; servers: FakeServers}) => void,
): void {
  let program: string;
  let place: Playground;
  let servers: FakeServers;
  let before: ReturnType<typeof tracesOf>;

  beforeAll(() => {
    program = bundle('helper-fake-server');
  });
  afterAll(() => {
    rmSync(program);
  });
  beforeEach(() => {
    place = playground();
    servers = new FakeServers(program);
    before = tracesOf(place.dir);
    begin({program, place, servers});
  });
  afterEach(async () => {
    const gone = await servers.allGone();
    const after = tracesOf(place.dir);
    if (after.mounts.length > 0) spawnSync('umount', ['-lR', place.target]);
    place.remove();
    assert.deepEqual(after, before, 'something was left behind');
    assert.ok(gone, 'a server was left behind');
  });
}
