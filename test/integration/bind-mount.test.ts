import {mkdirSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import type {MountView} from '../../src/manager/model.js';
import {missingForManager, NOTHING, Room, runs} from './manager-support.js';

const missing = missingForManager();

describe.skipIf(missing)(`a mount and its bind mounts${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let room: Room;
  let first: ReturnType<Room['mount']>;
  let second: string;

  beforeEach(async () => {
    room = await Room.create();
  });
  afterEach(() => room.close());

  function bind(): void {
    first = room.mount('disk');
    second = join(room.dir, 'second');
    mkdirSync(second);
    room.run('mount', '--bind', first.target, second);
  }

  const listed = (): MountView[] => JSON.parse(room.fuseward('ls', '--json').stdout);

  for (const managed of [false, true]) {
    test(`${managed ? 'with' : 'without'} a manager: one mount with two places, whichever of them is named or goes first`, async () => {
      if (managed) await room.daemon();
      bind();
      const places = [first.target, second];
      if (managed) await room.seen(first.target, (mount) => mount.places.length === 2);
      expect(listed()).toMatchObject([{target: first.target, places}]);
      for (const place of places) {
        const {code, stdout} = room.fuseward('status', place);
        expect(code).toBe(0);
        expect(stdout).toContain(`${first.target}: ${first.image}\nalso mounted on: ${second}\n`);
        expect(stdout).toContain(`server: process ${first.serverPid},`);
        expect(stdout).toMatch(/^seal: .*landlock reported/m);
        expect(room.fuseward('stats', place).code).toBe(0);
      }

      // One of two places is no end.
      expect(room.fuseward('umount', first.target)).toEqual({code: 0, stdout: '', stderr: ''});
      expect(runs(first.serverPid)).toBe(true);
      if (managed) await room.seen(second, (mount) => mount.places.length === 1);
      expect(listed()).toMatchObject([
        {target: second, places: [second], ours: true, serverPid: first.serverPid},
      ]);
      const {stdout} = room.fuseward('status', second);
      expect(stdout).toMatch(/^seal: .*landlock reported/m);
      expect(stdout).not.toContain('also mounted on');
      expect(readdirSync(room.path(second))).toContain('struct.ts');

      expect(room.fuseward('umount', second)).toEqual({code: 0, stdout: '', stderr: ''});
      expect(runs(first.serverPid)).toBe(false);
      expect(room.leftovers()).toEqual(NOTHING);
    });
  }
});
