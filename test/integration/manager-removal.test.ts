import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {fuseMounts, serversByConnection} from '../../src/manager/fuse-mounts.js';
import {ensureFusectl} from '../../src/manager/fusectl.js';
import {removeLostMount} from '../../src/manager/mount-removal.js';
import {readMounts} from '../../src/sys/mount-info.js';
import {bundle} from '../support/bundle.mjs';
import {run} from '../support/mounts.js';
import {MISSING, Mounted} from './fuse-support/mounted.js';

describe.skipIf(MISSING !== undefined)(
  `a lost mount inside the mount of another server${MISSING ? ` (skipped: ${MISSING})` : ''}`,
  () => {
    let program: string;
    let outer: Mounted;
    let lost: Mounted;
    let place: string;
    beforeAll(async () => {
      ensureFusectl();
      program = await bundle('test/integration/fuse-support/server-program.ts');
    });
    afterAll(() => rmSync(program, {force: true}));
    beforeEach(async () => {
      outer = await Mounted.start(program, 'slow', 'events');
      lost = await Mounted.start(program, 'slow', 'events');
      place = join(outer.target, 'slow');
      run('mount', ['--bind', join(lost.target, 'slow'), place]);
    });
    afterEach(async () => {
      if (isMounted(place)) run('umount', ['--lazy', place]);
      await lost.discard();
      await outer.discard();
    });

    const isMounted = (path: string): boolean => readMounts().some(({target}) => target === path);
    const connectionAt = (path: string): number =>
      [...fuseMounts().values()].find(({entries}) => entries[0].target === path)!.connection;

    test('is taken away where that server answers', () => {
      expect(removeLostMount(connectionAt(lost.target))).toEqual({detached: [place, lost.target], left: []});
      expect(isMounted(place)).toBe(false);
    });

    test('is left there when that server hangs, and nothing waits for it', () => {
      const server = serversByConnection().get(connectionAt(outer.target))!;
      process.kill(server, 'SIGSTOP');
      try {
        expect(removeLostMount(connectionAt(lost.target))).toEqual({detached: [lost.target], left: [place]});
      } finally {
        process.kill(server, 'SIGCONT');
      }
    });
  },
);
