import assert from 'node:assert/strict';
import {existsSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Worker} from 'node:worker_threads';
import {test} from 'vitest';
import {O_RDONLY, openFd, statFd} from '../../../src/sys/fd.js';
import {loopDevicesOf} from '../../../src/sys/loop.js';
import {bundled} from './bundle.js';
import {isRoot, scratchDirectory} from './scratch.js';

test.skipIf(!isRoot || !existsSync('/dev/loop-control'))(
  'threads that attach at the same time get devices of their own (needs root and loop)',
  async () => {
    // Enough for some to be given the same free number, which a single attempt does not survive.
    const threads = [1, 2, 3, 4];
    const rounds = 400;
    const directory = scratchDirectory();
    const path = join(directory, 'image');
    writeFileSync(path, '');
    truncateSync(path, 1 << 16);
    const script = await bundled('attaching-worker.ts');
    const reports = await Promise.all(
      threads.map(
        () =>
          new Promise<{attached: number; wrong: number}>((resolve, reject) => {
            const worker = new Worker(script, {workerData: {path, rounds}});
            worker.once('message', resolve);
            worker.once('error', reject);
          }),
      ),
    );
    const backing = openFd(path, O_RDONLY);
    const {dev, ino} = statFd(backing.fd);
    const left = loopDevicesOf(dev, ino);
    backing.close();
    rmSync(directory, {recursive: true});
    assert.deepEqual(
      reports,
      threads.map(() => ({attached: rounds, wrong: 0})),
    );
    assert.deepEqual(left, [], 'loop devices left');
  },
);
