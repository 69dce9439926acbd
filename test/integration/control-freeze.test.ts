import assert from 'node:assert/strict';
import {type ChildProcess, fork, spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeAll, beforeEach, describe, test} from 'vitest';
import {ControlClient} from '../../src/control/client.js';
import {serverMessages} from '../../src/control/schemas.js';
import {umount} from '../../src/sys/mount.js';
import {readMounts} from '../../src/sys/mount-info.js';
import {bundle} from '../support/bundle.mjs';

/** Freezing, thawing and shutting down a file system that can be written to, through its mount and its control socket. */
const reason = process.geteuid?.() !== 0 ? 'not root' : existsSync('/dev/fuse') ? undefined : 'no /dev/fuse';

let program: string;
let place: string;
let target: string;
let server: ChildProcess;
let client: ControlClient;

beforeAll(async () => {
  if (reason === undefined) program = await bundle('test/integration/control-support/writable-server.ts');
});

beforeEach(async () => {
  if (reason !== undefined) return;
  place = mkdtempSync(join(tmpdir(), 'fuseward-freeze-'));
  target = join(place, 'mnt');
  mkdirSync(target);
  server = fork(program, [target, join(place, 'socket')], {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
  await once(server, 'message');
  client = await ControlClient.connect(join(place, 'socket'), serverMessages);
});

afterEach(async () => {
  if (reason !== undefined) return;
  client.close();
  const gone = server.exitCode === null ? once(server, 'exit') : undefined;
  if (readMounts().some((mount) => mount.target === target)) umount(target, 2);
  server.kill('SIGKILL');
  await gone;
  rmSync(place, {recursive: true});
});

const path = (name: string): string => join(target, name);

/** A shell that does something on the mount, in a process of its own because it will have to wait. */
function shell(script: string): {
  child: ChildProcess;
  ended: Promise<{code: number | null; signal: string | null; said: string}>;
} {
  const child = spawn('sh', ['-c', script], {cwd: target, stdio: ['ignore', 'ignore', 'pipe']});
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    said,
  }));
  return {child, ended};
}

/** Asks the server until so many requests are held. */
async function held(count: number): Promise<void> {
  for (;;) {
    const state = await client.request({do: 'ping'});
    if (state.held === count) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe.skipIf(reason !== undefined)(`a frozen file system${reason ? ` (skipped: ${reason})` : ''}`, () => {
  test('holds a write until the thaw, while reads go on', async () => {
    writeFileSync(path('old'), 'before');
    assert.ok((await client.request({do: 'freeze'})).frozen);
    const writer = shell('echo after > old && mkdir made && mv made moved && rm -r moved');
    await held(1);
    assert.equal(readFileSync(path('old'), 'latin1'), 'before');
    assert.deepEqual(readdirSync(target), ['old']);
    assert.equal(writer.child.exitCode, null);
    const thawed = await client.request({do: 'thaw'});
    assert.equal(thawed.frozen, false);
    assert.deepEqual(await writer.ended, {code: 0, signal: null, said: ''});
    assert.equal(readFileSync(path('old'), 'latin1'), 'after\n');
    await held(0);
  });

  test('holds many writers, none of whom is lost', async () => {
    // Files that are there: of several who make one in a directory, the kernel lets only the first through to the server.
    for (let n = 0; n < 12; n++) writeFileSync(path(`file${n}`), 'old');
    await client.request({do: 'freeze'});
    const writers = Array.from({length: 12}, (_, n) => shell(`printf ${n} > file${n}`));
    await held(12);
    for (let n = 0; n < 12; n++) assert.equal(readFileSync(path(`file${n}`), 'latin1'), 'old');
    await client.request({do: 'thaw'});
    for (const {ended} of writers) assert.equal((await ended).code, 0);
    for (let n = 0; n < 12; n++) assert.equal(readFileSync(path(`file${n}`), 'latin1'), `${n}`);
    await held(0);
  });

  test('lets go of a writer that is killed, whose change never happens', async () => {
    await client.request({do: 'freeze'});
    const writer = shell('exec mkdir never');
    await held(1);
    writer.child.kill('SIGKILL');
    assert.equal((await writer.ended).signal, 'SIGKILL');
    await held(0);
    await client.request({do: 'thaw'});
    assert.deepEqual(readdirSync(target), []);
  });

  test('ends with its mount, whoever waits', async () => {
    await client.request({do: 'freeze'});
    const writer = shell('exec mkdir never');
    await held(1);
    const gone = once(server, 'exit');
    // MNT_FORCE aborts the connection.
    umount(target, 1 | 2);
    assert.notEqual((await writer.ended).code, 0);
    await gone;
  });

  test('that is shut down answers EIO, held writers too', async () => {
    writeFileSync(path('file'), 'text');
    await client.request({do: 'freeze'});
    const writer = shell('exec mkdir never');
    await held(1);
    assert.ok((await client.request({do: 'shutdown'})).shutDown);
    const {code, said} = await writer.ended;
    assert.equal(code, 1);
    assert.match(said, /Input\/output error/);
    for (const act of [
      () => writeFileSync(path('file'), 'more'),
      () => readFileSync(path('file')),
      () => readdirSync(target),
      () => mkdirSync(path('other')),
    ]) {
      assert.throws(act, {code: 'EIO'});
    }
    await client.request({do: 'thaw'});
    assert.throws(() => mkdirSync(path('other')), {code: 'EIO'});
  });

  test('is not one that is only asked to sync', async () => {
    await client.request({do: 'sync'});
    writeFileSync(path('file'), 'text');
    const {operations} = await client.request({do: 'stats'});
    assert.equal(operations['WRITE']?.count, 1);
    assert.equal(operations['WRITE']?.bytesIn, 40 + 40 + 4);
  });
});
