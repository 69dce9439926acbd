import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {chmodSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {dirname, join} from 'node:path';
import {afterEach, beforeEach, test} from 'vitest';
import {kernelFeatures} from '../../../src/sys/kernel.js';
import {landlockAbi} from '../../../src/sys/landlock.js';
import {bundled} from './bundle.js';
import {scratchDirectory} from './scratch.js';

const canSupervise = kernelFeatures().seccompActions.includes('user_notif');
const supervised = test.skipIf(!canSupervise);
const because = canSupervise ? '' : ' (this kernel has no user_notif)';

/** Name of an abstract socket. */
const ABSTRACT = `fuseward-test-${process.pid}`;
let directory: string;
beforeEach(() => {
  directory = scratchDirectory();
  chmodSync(directory, 0o777);
  writeFileSync(join(directory, 'file'), 'content');
});
afterEach(() => rmSync(directory, {recursive: true}));

/** Runs a scenario of supervised-child.ts; what it printed. */
async function played(scenario: string): Promise<string[]> {
  const script = await bundled('supervised-child.ts');
  chmodSync(dirname(script), 0o755);
  const {stdout, stderr, status} = spawnSync(process.execPath, [script, scenario, directory, ABSTRACT], {
    encoding: 'utf8',
    timeout: 30_000,
    env: {PATH: '/usr/bin:/bin', SECRET: 'of the parent'},
  });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter(Boolean);
}

supervised(`a call is answered by its supervisor and never made${because}`, async () => {
  const [line] = await played('answers');
  const {calls, said} = JSON.parse(line!);
  const call = {memory: true, waiting: true, answered: true, twice: false};
  assert.deepEqual(
    calls.map(({name: _, ...rest}: {name: string}) => rest),
    [call, call],
  );
  assert.match(calls[0].name, /^mkdir/);
  assert.match(said, /^made\n.*Disk quota exceeded\nrefused\n$/s);
  assert.equal(spawnSync('ls', [directory], {encoding: 'utf8'}).stdout, 'file\n');
});

supervised(
  `a caller is given a descriptor under a number, and nothing once it is gone${because}`,
  async () => {
    const [line] = await played('descriptors');
    assert.deepEqual(JSON.parse(line!), {
      given: true,
      content: 'content',
      closeOnExec: true,
      impossible: 'EBADF',
      parent: true,
      gone: {waiting: false, given: false, answered: false},
    });
  },
);

test('a process that is replaced leaves nothing of its signals and its environment', async () => {
  const [words, ...rest] = await played('execve');
  assert.equal(words, 'zero|ä ö|b c|');
  assert.equal(rest[0], 'A');
  assert.match(rest[1]!, /^SigBlk/);
  const mask = (name: string): bigint =>
    BigInt(`0x${rest.find((line) => line.startsWith(name))?.split('\t')[1]}`);
  assert.equal(mask('SigBlk'), 0n);
  assert.equal(mask('SigIgn'), 0n);
  assert.equal(mask('SigCgt'), 0n);
});

test('a program that can not be executed is an error', async () => {
  const [line] = await played('execve-fails');
  assert.deepEqual(JSON.parse(line!), ['ENOENT', 'EACCES', 'EINVAL']);
});

const abi = landlockAbi();
test.skipIf(abi < 4)(
  `TCP to the given ports, no abstract sockets and no signals (${abi < 4 ? 'no Landlock' : `ABI ${abi}`})`,
  async () => {
    // Of a process outside, and connected to without its doing.
    const outside = createServer();
    await new Promise<void>((resolve) => outside.listen(`\0${ABSTRACT}`, resolve));
    const [line] = await played('ports');
    outside.close();
    const scoped = abi >= 6;
    assert.deepEqual(JSON.parse(line!), {
      abi,
      before: 'ok',
      allowed: 'ok',
      other: 'EACCES',
      listen: 'EACCES',
      abstract: scoped ? 'EPERM' : 'ok',
      signal: scoped ? 'EPERM' : 'ok',
      file: 'ok',
    });
  },
);
