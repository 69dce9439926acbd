import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {O_PATH, O_RDONLY} from '../../src/sys/fd.js';
import {seqpacketPair, setPassRights} from '../../src/sys/socket.js';
import {type Daemon, Room, SOON_MS} from './manager-support.js';
import {
  ALICE,
  BOB,
  descriptorsOf,
  missingForUsers,
  publicProgram,
  User,
  writePolicy,
} from './users/support.js';
import type {Step} from './users/visitor.js';

const missing = missingForUsers();
const why = missing ? ` (skipped: ${missing})` : '';
const MOUNT = {version: 1, do: 'mount', type: 'ext4', options: []};
const REQUEST = JSON.stringify(MOUNT);
const LS = JSON.stringify({version: 1, do: 'ls'});

/** Whether the kernel can keep descriptors out of a socket (Linux 6.16). */
function keepsDescriptorsOut(): boolean {
  const ends = seqpacketPair();
  try {
    return setPassRights(ends[0].fd, false);
  } finally {
    for (const end of ends) end.close();
  }
}

describe.skipIf(missing !== undefined)(`the socket that everybody may connect to${why}`, () => {
  let room: Room;
  let daemon: Daemon;
  let alice: User;
  let bob: User;
  let image: string;
  let target: string;
  let quiet: number;
  beforeAll(async () => {
    room = await Room.create();
    const places = await publicProgram(room);
    daemon = await room.daemon('--policy', writePolicy(room));
    alice = new User(room, places, ALICE);
    bob = new User(room, places, BOB);
    ({image, target} = alice.image('disk'));
    // With the first mount some come that stay.
    expect(alice.mount(image, target).error).toBeUndefined();
    expect(alice.fuseward('umount', target).code).toBe(0);
    expect(await room.unseen(target)).toBe(true);
    quiet = descriptorsOf(daemon.pid);
  });
  // Whatever a test did: the manager serves others, and holds nothing of it.
  afterEach(async () => {
    expect(bob.visit(['connect'], ['send', LS], ['receive']).at(-1)).toEqual({ok: {mounts: [], more: 0}});
    expect(await eventually(() => descriptorsOf(daemon.pid) <= quiet, SOON_MS)).toBe(true);
    expect(room.leftovers().mounts).toEqual([]);
  });
  afterAll(async () => {
    expect(daemon.stderr()).toBe('');
    expect(daemon.log().filter(({level}) => level === 'error')).toEqual([]);
    expect(await daemon.end()).toBe(0);
    expect(room.leftovers()).toMatchObject({mounts: [], loops: []});
    await room.close();
  });

  test('everybody may connect, and nobody but root may replace it', () => {
    expect(room.run('stat', '-c', '%F %a %u', '/run/fuseward/mount.sock').trim()).toBe('socket 666 0');
    expect(alice.run(['rm', '-f', '/run/fuseward/mount.sock']).code).toBe(1);
  });

  test('packets that are no requests', () => {
    const bad = [
      '{}',
      'garbage',
      REQUEST.slice(0, -2),
      JSON.stringify({...MOUNT, uid: 0}),
      '['.repeat(60_000),
    ];
    const results = alice.visit(
      ...bad.flatMap((text): Step[] => [['connect'], ['send', text], ['receive'], ['receive']]),
      ...([['connect'], ['fill', 100_000], ['receive']] satisfies Step[]),
      ...([['connect'], ['fill', 0], ['receive']] satisfies Step[]),
    );
    bad.forEach((text, index) => {
      const [, , answer, end] = results.slice(4 * index, 4 * index + 4);
      expect({text, answer}).toMatchObject({answer: {error: {code: 'bad-request', errno: 'EPROTO'}}});
      expect(end).toBe('closed');
    });
    expect(results.at(-4)).toMatchObject({error: {code: 'bad-request'}});
    expect(results.at(-1)).toBe('closed');
  });

  test('silence, before the request and when descriptors are asked for', () => {
    const results = alice.visit(
      ['connect'],
      ['receive'],
      ['connect'],
      ['send', REQUEST],
      ['receive'],
      ['receive'],
    );
    expect(results[1]).toBe('closed');
    expect(results.slice(4)).toMatchObject([{send: 'descriptors'}, {error: {errno: 'ETIMEDOUT'}}]);
  });

  test('descriptors before they are asked for, too few, too many, 253 of them', () => {
    const place: Step = ['open', 'place', image, O_RDONLY];
    const asked: Step[] = [['connect'], ['send', REQUEST], ['receive']];
    const results = alice.visit(
      place,
      ...([['connect'], ['send', REQUEST, 'place'], ['bomb', 'place', 253]] satisfies Step[]),
      ...asked,
      ...([['send', '.'], ['receive']] satisfies Step[]),
      ...asked,
      ...([['send', '.', 'place'], ['receive']] satisfies Step[]),
      ...asked,
      ...([['send', '.', 'place', 'place', 'place'], ['receive']] satisfies Step[]),
      ...asked,
      ...([['bomb', 'place', 253], ['bomb', 'place', 253], ['receive']] satisfies Step[]),
    );
    const early = results.slice(2, 4);
    if (keepsDescriptorsOut()) expect(early).toEqual(['EPERM', 'EPERM']);
    for (const index of [8, 13, 18, 24]) {
      expect(results[index]).toMatchObject({error: {code: 'bad-descriptor', errno: 'EBADF'}});
    }
  });

  test('a crowd of silent connections keeps nobody else waiting', async () => {
    const results = alice.visit(['crowd', 300], ['connect'], ['receive']);
    expect(results[0]).toBe('connected');
    expect(results[2]).toMatchObject({error: {code: 'too-many', errno: 'EAGAIN'}});
    const holding = room.start(
      ...alice.words.slice(room.namespace.length),
      ...alice.visitorWords(['crowd', 300], ['sleep', 4_000]),
    );
    const theirs = bob.image('meanwhile');
    expect(bob.mount(theirs.image, theirs.target).error).toBeUndefined();
    expect(bob.fuseward('umount', theirs.target).code).toBe(0);
    holding.kill('SIGKILL');
    expect(await room.unseen(theirs.target)).toBe(true);
  });

  test('who ends his command gets no mount, at whatever moment it was', async () => {
    const opened: Step[] = [
      ['open', 'source', image, O_RDONLY],
      ['open', 'target', target, O_PATH],
      ['connect'],
      ['send', REQUEST],
    ];
    alice.visit(...opened);
    alice.visit(...opened, ['receive']);
    alice.visit(...opened, ['receive'], ['send', '.', 'source', 'target']);
    const commands = (): number =>
      spawnSync('ps', ['--ppid', String(daemon.pid), '-o', 'pid='], {encoding: 'utf8'}).stdout.length;
    const mounted = (): boolean => room.leftovers().mounts.length > 0;
    expect(await eventually(() => commands() === 0 && !mounted(), 3 * SOON_MS, 200)).toBe(true);
    // And the image is free again.
    expect(await eventually(() => alice.mount(image, target).error === undefined, SOON_MS, 200)).toBe(true);
    expect(alice.fuseward('umount', target).code).toBe(0);
  });

  test('a manager that is killed leaves a socket that the next one replaces', async () => {
    await daemon.end('SIGKILL');
    expect(alice.fuseward('mount', image, target).stderr).toContain(
      'only root may do that without a manager',
    );
    daemon = await room.daemon('--policy', join(room.dir, 'policy'));
    expect(alice.mount(image, target).error).toBeUndefined();
    expect(alice.fuseward('umount', target).code).toBe(0);
    quiet = descriptorsOf(daemon.pid);
  });
});
