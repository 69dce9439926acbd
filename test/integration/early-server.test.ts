import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {EarlyServer} from '../../src/launch/early-server.js';
import {launchEmbedded, startsOwn} from '../../src/launch/index.js';
import {processUsers} from '../../src/launch/process-users.js';
import {loadPolicy} from '../../src/policy/index.js';
import {FUSEWARD} from './command-support.js';
import {missingForManager, Room, SOON_MS} from './manager-support.js';

const missing = missingForManager();
const policy = loadPolicy('ext4', undefined).server;

/** User ids of the policy's range under which something runs, in order. */
function usersOfServers(): number[] {
  const {uidBase, uidCount} = policy;
  return [...processUsers().keys()].filter((uid) => uid >= uidBase && uid < uidBase + uidCount).sort();
}

describe.skipIf(missing)(`a server that starts early${missing ? ` (skipped: ${missing})` : ''}`, () => {
  test('is started only where a mount would start one of our own', () => {
    expect(startsOwn('ext4', policy)).toBe(true);
    for (const [type, changed] of [
      ['ext4', {driver: 'socket'}],
      ['ext4', {command: ['/bin/true']}],
      ['ntfs', {}],
    ] as const) {
      expect(startsOwn(type, {...policy, ...changed} as typeof policy)).toBe(false);
    }
  });

  test('is gone when nobody took it', async () => {
    const before = usersOfServers();
    const early = EarlyServer.start('ext4', policy)!;
    expect(usersOfServers()).not.toEqual(before);
    await early.abandon();
    expect(usersOfServers()).toEqual(before);
  });

  test('stays when a mount took it', async () => {
    const early = EarlyServer.start('ext4', policy)!;
    const server = early.take('ext4', policy)!;
    await early.abandon();
    expect(server.exited()).toBe(false);
    // It ends with its conversation.
    server.socket.close();
    expect(await eventually(server.exited, SOON_MS)).toBe(true);
  });

  test('leaves nothing at whatever moment of its start it is ended', async () => {
    for (let delay = 0; delay < 40; delay++) {
      const server = launchEmbedded('ext4', policy);
      await sleep(delay);
      server.kill();
      server.socket.close();
      const {uid} = server;
      const isGone = () => !processUsers().has(uid);
      expect(await eventually(isGone, SOON_MS), `ended after ${delay} ms`).toBe(true);
    }
  }, 60_000);
});

describe.skipIf(missing)(`mounts that come to nothing${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let room: Room;
  let target: string;

  beforeAll(async () => {
    room = await Room.create();
    target = join(room.dir, 'target');
    mkdirSync(target);
  });
  afterAll(() => room.close());

  test.each(['denied', 'refused'])(
    '%s: the server that was started for it is gone when the command ends',
    (how) => {
      const image = join(room.dir, 'image');
      writeFileSync(image, Buffer.alloc(65_536));
      const policies = join(room.dir, how);
      mkdirSync(policies);
      if (how === 'denied') {
        const rule = '[[allow]]\nusers = ["root"]\nsources = ["/nowhere/*"]\ntargets = ["**"]\n';
        writeFileSync(join(policies, 'ext4.toml'), rule);
      }
      const before = usersOfServers();
      const {code, stderr} = room.fuseward('mount', '-t', 'ext4', '--policy', policies, image, target);
      expect(code).toBe(1);
      expect(stderr).toMatch(how === 'denied' ? /policy denies it/ : /ext4/);
      expect(usersOfServers()).toEqual(before);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(target);
    },
  );
});

const untraced = missing ?? (existsSync('/usr/bin/strace') ? undefined : 'no strace');
describe.skipIf(untraced)(`how a mount begins${untraced ? ` (skipped: ${untraced})` : ''}`, () => {
  let room: Room;

  beforeAll(async () => {
    room = await Room.create();
    mkdirSync(join(room.dir, 'target'));
    writeFileSync(join(room.dir, 'image'), Buffer.alloc(65_536));
  });
  afterAll(() => room.close());

  /** What a command that mounts nothing executes and opens, in order; its server is gone when it ends. */
  function traced(...words: string[]): string {
    const log = join(room.dir, 'trace');
    const trace = ['-f', '-qq', '-e', 'trace=execve,openat', '-e', 'signal=none', '-o', log];
    const [program, ...before] = room.namespace;
    spawnSync(program!, [...before, 'strace', ...trace, FUSEWARD, ...words], {timeout: SOON_MS});
    return readFileSync(log, 'utf8');
  }

  test.each([
    ['mount', '-t', 'ext4', 'image', 'target'],
    ['mount', 'image', 'target'],
    ['mount.fuseward', 'image', 'target', '-t', 'fuseward.ext4'],
  ])('%s %s %s: the server starts before the rest of the code is read, and no other does', (...words) => {
    const text = traced(
      ...words.map((word) => (['image', 'target'].includes(word) ? join(room.dir, word) : word)),
    );
    const started = text.indexOf('execve("/usr/bin/bwrap"');
    expect(started).toBeGreaterThan(0);
    expect(text.indexOf('execve("/usr/bin/prlimit"')).toBeLessThan(text.indexOf('mount.code.js"'));
    expect(text.indexOf('execve("/usr/bin/bwrap"', started + 1)).toBe(-1);
  });

  test.each([
    ['no source', ['mount', '-t', 'ext4', 'nothing', 'target']],
    ['a type that is none of ours', ['mount', '-t', 'nobodys', 'image', 'target']],
    ['a wrong word', ['mount', '--wrong', 'image', 'target']],
    ['a mount that is none', ['mount.fuseward', 'image', 'target', '-f', '-t', 'fuseward.ext4']],
  ])('%s: none starts', (_, words) => {
    expect(
      traced(...words.map((word) => (/^(image|target|nothing)$/.test(word) ? join(room.dir, word) : word))),
    ).not.toContain('bwrap", [');
  });
});
