import {execFileSync} from 'node:child_process';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {MountView} from '../../src/manager/model.js';
import {FUSEWARD} from './command-support.js';
import {missingForManager, Room, SOON_MS} from './manager-support.js';

const missing = missingForManager();

describe.skipIf(missing)(
  `a manager that is a container's first process${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let room: Room;

    beforeEach(async () => {
      room = await Room.create();
    });
    afterEach(() => room.close());

    const lines = (...args: string[]): string[] =>
      execFileSync('ps', ['--no-headers', ...args], {encoding: 'utf8'})
        .trim()
        .split('\n');

    test('waits for servers that have ended, which nobody else does', async () => {
      const words = ['--pid', '--fork', '--kill-child', '--mount-proc', FUSEWARD, 'daemon'];
      const unshare = room.start('unshare', ...words);
      const answers = async (): Promise<boolean> => {
        try {
          return (await room.ask('GET', '/readyz')).status === 200;
        } catch {
          return false;
        }
      };
      while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 100));
      const [first = ''] = lines('--ppid', String(unshare.pid), '-o', 'pid');
      for (const name of ['one', 'two']) {
        const {image, target} = room.image(name);
        const made = await room.ask<MountView>('POST', '/v1/mounts', {source: image, target});
        expect(made.status).toBe(201);
        expect((await room.ask('DELETE', `/v1/mounts/${made.body.id}`)).status).toBe(204);
      }
      const states = (): string[] => {
        try {
          return lines('--ppid', first.trim(), '-o', 'stat');
        } catch {
          // ps(1) fails where there is none.
          return [];
        }
      };
      expect(states().some((state) => state.startsWith('Z'))).toBe(true);
      expect(await eventually(() => !states().some((state) => state.startsWith('Z')), SOON_MS)).toBe(true);
      unshare.kill('SIGKILL');
    });
  },
);
