import assert from 'node:assert/strict';
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {HelperCommand} from './helper-command.js';
import type {FakeScript} from './helper-fake-server.js';
import {withFakeServers} from './helper-fixture.js';
import {bundle, missingForMounts, type Playground, request, tracesOf} from './helper-support.js';

const missing = missingForMounts();

/** Gone, or a zombie that waits for init to take notice. */
function hasEnded(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

describe.skipIf(missing !== undefined)(
  `a mount helper as a process${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let command: string;
    let place: Playground;
    let program: string;

    beforeAll(() => {
      command = bundle('helper-command');
    });
    afterAll(() => {
      rmSync(command);
    });
    withFakeServers((fresh) => {
      ({program, place} = fresh);
    });

    function helperCommand(more: Partial<HelperCommand> = {}): string {
      return JSON.stringify({server: program, request: request(place), script: {}, ...more});
    }

    async function startHelper(script: FakeScript): Promise<{helper: ChildProcess; serverPid: number}> {
      const helper = spawn(process.execPath, [command, helperCommand({script})], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const text = await new Promise<string>((resolve) =>
        helper.stdout.once('data', (data) => resolve(String(data))),
      );
      return {helper, serverPid: (JSON.parse(text) as {serverPid: number}).serverPid};
    }

    test('a helper that is killed at any moment leaves nothing', async () => {
      for (const hangAt of ['hello', 'before-mount', 'after-goodbye'] as const) {
        const {helper, serverPid} = await startHelper({hangAt});
        await new Promise((resolve) => setTimeout(resolve, 400));
        const ended = new Promise((resolve) => helper.once('exit', resolve));
        helper.kill('SIGKILL');
        // A server stuck by design does not notice; a real one waits for the socket or the device and ends.
        process.kill(serverPid, 'SIGKILL');
        await ended;
        assert.deepEqual(tracesOf(place.dir).mounts, [], hangAt);
        assert.ok(await eventually(() => tracesOf(place.dir).loops.length === 0, 2000), hangAt);
      }
    });

    const lonely: Array<[when: string, script: FakeScript, waitMs: number]> = [
      ['before the server said a word', {}, 0],
      ['while the first stat waits for the server', {delayInitMs: 1000}, 400],
    ];
    for (const [when, script, waitMs] of lonely) {
      test(`the server of a helper that is killed ${when} ends by itself`, async () => {
        const {helper, serverPid} = await startHelper(script);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        helper.kill('SIGKILL');
        // Its output ends when the server, which inherited it, is gone too.
        await new Promise((resolve) => helper.once('exit', resolve));
        assert.ok(await eventually(() => hasEnded(serverPid), 5000), 'the server is still there');
        assert.ok(
          await eventually(() => tracesOf(place.dir).loops.length === 0, 2000),
          'the loop device is still there',
        );
        assert.deepEqual(tracesOf(place.dir).mounts, []);
      });
    }

    test('without loop devices the plain file serves', () => {
      // A mount namespace of its own, in which /dev/loop-control is an empty file.
      const empty = join(place.dir, 'empty');
      writeFileSync(empty, '');
      const script = `mount --bind ${empty} /dev/loop-control && exec "$0" "$@"`;
      const run = spawnSync(
        'unshare',
        ['-m', 'sh', '-c', script, process.execPath, command, helperCommand()],
        {
          encoding: 'utf8',
        },
      );
      const last = run.stdout.trim().split('\n').at(-1) ?? '{}';
      const {result} = JSON.parse(last) as {result?: {loopDevice?: string; type: string}};
      assert.equal(result?.type, 'fuse.fake', run.stdout + run.stderr);
      assert.equal(result.loopDevice, undefined);
    });
  },
);
