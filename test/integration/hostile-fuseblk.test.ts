import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {rmSync} from 'node:fs';
import {afterAll, afterEach, beforeAll, beforeEach, describe, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {bundle as bundleOf} from '../support/bundle.mjs';
import type {Act} from '../support/hostile-server/acts.js';
import {run} from '../support/mounts.js';
import {bundle, missingForMounts, type Playground, playground, request, tracesOf} from './helper-support.js';
import {GREETING, last, send} from './hostile-support.js';
import {bye, doit, mntp, name, open, type} from './protocol-bytes.js';

const missing = missingForMounts();
const MOST_MS = 30_000;

/** The kernel tells the server of a block device's mount that it ends, and waits for the answer. */
describe.skipIf(missing !== undefined)(
  `a server of a block device that does not let go${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let program: string;
    let command: string;
    let place: Playground;
    let device: string;
    let before: ReturnType<typeof tracesOf>;

    beforeAll(async () => {
      program = await bundleOf('test/support/hostile-server/main.ts');
      command = bundle('helper-command');
    });
    afterAll(() => {
      rmSync(program);
      rmSync(command);
    });
    beforeEach(() => {
      place = playground();
      before = tracesOf(place.dir);
      device = run('losetup', ['--find', '--show', '--read-only', place.image]).trim();
    });
    afterEach(async () => {
      run('losetup', ['--detach', device]);
      assert.ok(await eventually(() => tracesOf(place.dir).loops.length === 0, 5000), 'the device is in use');
      const after = tracesOf(place.dir);
      place.remove();
      assert.deepEqual(after, before);
    });

    const rows: Array<[what: string, goodbye: Act[], kinds: Array<'embedded' | 'socket'>]> = [
      ['is silent after its mount', [], ['embedded', 'socket']],
      ['fails after its mount', [last(bye(7))], ['socket']],
      ['does not answer the first stat', [last(bye(0))], ['socket']],
    ];
    for (const [what, goodbye, kinds] of rows) {
      for (const kind of kinds) {
        test(`one that ${what} (${kind}) does not keep the helper`, async () => {
          const acts: Act[] = [
            ...GREETING,
            ...[
              open(device, {letters: 'BDEV', blockSize: 1024}),
              type(1),
              name(device),
              mntp(place.target),
              doit(1),
            ].map(send),
            ...goodbye,
            {serve: {getattr: 'never'}},
          ];
          const argument = {
            server: program,
            request: request(place, {source: device, options: ['ro']}),
            script: {acts},
            kind,
            policy: {fuseblk: true, deadlineMs: 3000},
          };
          const helper = spawn(process.execPath, [command, JSON.stringify(argument)], {
            stdio: ['ignore', 'pipe', 'inherit'],
          });
          let said = '';
          helper.stdout.setEncoding('utf8').on('data', (text: string) => {
            said += text;
          });
          const ended = new Promise((resolve) => helper.once('exit', resolve));
          const late = setTimeout(() => process.kill(serverIn(said), 'SIGKILL'), MOST_MS);
          const started = performance.now();
          await ended;
          clearTimeout(late);
          const took = performance.now() - started;
          if (kind === 'socket') process.kill(serverIn(said), 'SIGKILL');
          const {error} = JSON.parse(said.trim().split('\n').at(-1)!) as {error: {code: string}};
          assert.match(error.code, /^(deadline|server-refused)$/);
          assert.ok(took < MOST_MS, `it took ${took} ms and the server's death`);
        });
      }
    }
  },
);

function serverIn(said: string): number {
  return (JSON.parse(said.split('\n')[0]!) as {serverPid: number}).serverPid;
}
