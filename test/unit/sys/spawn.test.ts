import {spawnSync} from 'node:child_process';
import {mkdtempSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../../src/helper/cleanup.js';
import {asUser} from '../../../src/sys/credentials.js';
import {OwnedFd} from '../../../src/sys/fd.js';
import {createMemfd} from '../../../src/sys/memfd.js';
import {processState} from '../../../src/sys/process.js';
import {reap, spawnAs} from '../../../src/sys/spawn.js';
import {CHECKOUT} from '../../support/checkout.js';

const isRoot = process.geteuid?.() === 0;
const ID = 61_234;

let output: OwnedFd;
let input: OwnedFd;

beforeEach(() => {
  output = createMemfd('fuseward-test-output');
  input = new OwnedFd(openSync('/dev/null', 'r'));
});
afterEach(() => {
  output.close();
  input.close();
});

function written(): string {
  return readFileSync(`/proc/self/fd/${output.fd}`, 'utf8');
}

/** Starts a shell script as somebody else and waits until it has ended. */
async function script(text: string, more: readonly number[] = []): Promise<string> {
  const pid = spawnAs('/bin/sh', ['sh', '-c', text], {
    uid: ID,
    gid: ID + 1,
    directory: '/usr',
    environment: {A: 'one', PATH: '/usr/bin:/bin'},
    descriptors: [input.fd, output.fd, output.fd, ...more],
  });
  expect(await eventually(() => processState(pid).state === 'Z', 5_000, 2)).toBe(true);
  reap(pid);
  expect(() => processState(pid)).toThrow('no such file');
  return written();
}

describe.skipIf(!isRoot)('a program that is started as somebody else', () => {
  test('has his ids and no others, no groups, no rights', async () => {
    const status = await script('cat /proc/self/status');
    expect(status).toMatch(/^Uid:\t61234\t61234\t61234\t61234$/m);
    expect(status).toMatch(/^Gid:\t61235\t61235\t61235\t61235$/m);
    expect(status).toMatch(/^Groups:\t ?$/m);
    for (const set of ['CapPrm', 'CapEff', 'CapInh', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'));
  });

  test('has no signal ignored or blocked, whatever this process does with it', async () => {
    const ignore = (): void => {};
    process.on('SIGUSR2', ignore);
    try {
      const status = await script('cat /proc/self/status');
      expect(status).toMatch(/^SigBlk:\t0+$/m);
      expect(status).toMatch(/^SigIgn:\t0+$/m);
    } finally {
      process.off('SIGUSR2', ignore);
    }
  });

  test('is where it is told to be, in a session of its own, with the environment that it is given', async () => {
    const text = await script('pwd; env; echo $$; cut -d" " -f6 /proc/$$/stat');
    const [directory, ...rest] = text.trim().split('\n');
    expect(directory).toBe('/usr');
    const [session, pid] = [rest.pop(), rest.pop()];
    expect(session).toBe(pid);
    expect(rest.filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line)).sort()).toEqual([
      'A=one',
      'PATH=/usr/bin:/bin',
    ]);
  });

  test('has the descriptors in their order', async () => {
    using one = createMemfd('one', Buffer.from('first'));
    using two = createMemfd('two', Buffer.from('second'));
    const text = await script('cat <&3; cat <&4', [two.fd, one.fd]);
    expect(text).toBe('secondfirst');
  });

  test('gets two of them in each other’s place', async () => {
    using one = createMemfd('one', Buffer.from('first'));
    using two = createMemfd('two', Buffer.from('second'));
    const list = Array.from({length: Math.max(one.fd, two.fd) + 1}, () => input.fd);
    list[one.fd] = two.fd;
    list[two.fd] = one.fd;
    const text = await script(`cat /proc/self/fd/${one.fd} /proc/self/fd/${two.fd}`, list.slice(3));
    expect(text).toBe('secondfirst');
  });

  test('that there is none is told, and this process is root as before', () => {
    expect(() =>
      spawnAs('/nonexistent', ['x'], {
        ...{uid: ID, gid: ID, directory: '/', environment: {}},
        descriptors: [input.fd, output.fd, output.fd],
      }),
    ).toThrow(expect.objectContaining({code: 'ENOENT'}));
    const {uids, capabilities} = processState();
    expect(uids).toEqual([0, 0, 0, 0]);
    expect(capabilities.effective).toBe(capabilities.permitted);
  });

  test('a text with a NUL is refused before anything is started', () => {
    const options = {uid: ID, gid: ID, directory: '/', environment: {}, descriptors: [input.fd]};
    expect(() => spawnAs('/bin/sh', ['sh', 'a\0b'], options)).toThrow(
      expect.objectContaining({code: 'EINVAL'}),
    );
  });
});

describe.skipIf(!isRoot)('acting as somebody else', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'fuseward-as-user-'));
    writeFileSync(join(directory, 'secret'), 'secret', {mode: 0o600});
  });
  afterEach(() => rmSync(directory, {recursive: true}));

  test('has his rights and not root’s, on this thread, until it is over', () => {
    const file = join(directory, 'secret');
    expect(() => asUser({uid: ID, gid: ID}, () => readFileSync(file))).toThrow('EACCES');
    expect(readFileSync(file, 'utf8')).toBe('secret');
  });

  test('is refused to the root of a user namespace, who may not change groups, and he goes on', () => {
    const program = `
      import {asUser} from '${CHECKOUT}/dist/sys/credentials.js';
      try { asUser({uid: 1, gid: 1}, () => console.log('acted')); } catch (error) { console.log(error.code); }
      console.log(process.geteuid());
    `;
    const words = ['-Ur', process.execPath, '--input-type=module', '-e', program];
    const {status, stdout} = spawnSync('unshare', words, {encoding: 'utf8'});
    expect({status, stdout}).toEqual({status: 0, stdout: 'EPERM\n0\n'});
  });

  test('comes back from what throws', () => {
    const groups = process.getgroups?.();
    const fail = (): never => {
      throw new Error('failed');
    };
    expect(() => asUser({uid: ID, gid: ID}, fail)).toThrow('failed');
    expect(processState()).toMatchObject({uids: [0, 0, 0, 0], gids: [0, 0, 0, 0]});
    expect(process.getgroups?.()).toEqual(groups);
  });
});
