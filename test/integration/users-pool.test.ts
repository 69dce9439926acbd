import {readFileSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {PoolView} from '../../src/manager/model.js';
import {processState} from '../../src/sys/process.js';
import {Room} from './manager-support.js';
import {ALICE, missingForUsers, publicProgram, User, writePolicy} from './users/support.js';

const missing = missingForUsers();
const why = missing ? ` (skipped: ${missing})` : '';
/** A server and its command start one after the other, and the machine has others to do as well. */
const START_MS = 30_000;

describe.skipIf(missing !== undefined)(`an ordinary user and servers that wait${why}`, () => {
  let room: Room;
  let alice: User;
  beforeAll(async () => {
    room = await Room.create();
    const places = await publicProgram(room);
    await room.daemon('--policy', writePolicy(room, {settings: '[server]\npool = 1\n'}));
    alice = new User(room, places, ALICE);
  });
  afterAll(() => room.close());

  /** The one of type ext4 that waits. */
  async function waiting(): Promise<number> {
    for (const end = performance.now() + START_MS; performance.now() < end; ) {
      const {body} = await room.ask<{types: PoolView[]}>('GET', '/v1/pool');
      const [server] = body.types.find(({type}) => type === 'ext4')?.servers ?? [];
      if (server !== undefined) return server;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('no server waits');
  }

  test('his mount gets one, and is his as any other', async () => {
    const server = await waiting();
    const {image, target} = alice.image('pooled');
    expect(alice.mount(image, target)).toMatchObject({source: image, target, serverPid: server});
    expect(alice.run(['cat', `${target}/index.ts`]).stdout).toBe(readFileSync('src/wire/index.ts', 'utf8'));
    const {uids, seccomp, noNewPrivs} = processState(server);
    expect(new Set(uids).size).toBe(1);
    expect([0, ALICE]).not.toContain(uids[0]);
    expect({seccomp, noNewPrivs}).toEqual({seccomp: 2, noNewPrivs: true});
    expect(alice.fuseward('umount', target).code).toBe(0);
  });

  test('what policy denies him, it denies him with a server that waits, and that one goes on waiting', async () => {
    await waiting();
    const {image, target} = alice.image('denied');
    expect(alice.mount(image, target, '-o', 'allow_other')).toMatchObject({error: {errno: 'EPERM'}});
    expect(room.leftovers()).toMatchObject({loops: []});
    expect(processState(await waiting()).state).toBe('S');
  });
});
