import {existsSync, renameSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import type {Room} from './manager-support.js';
import {type Attackers, place, REQUEST, target, withAttackers} from './users/attackers.js';
import {ALICE, changePolicy, missingForUsers, User} from './users/support.js';
import type {Step} from './users/visitor.js';

const missing = missingForUsers();
const why = missing ? ` (skipped: ${missing})` : '';

/** Known attacks on fusermount(1) by way of options, of the mounts of others, and of numbers. */
describe.skipIf(missing !== undefined)(`what an ordinary user may not ask for${why}`, () => {
  let they: Attackers;
  let room: Room;
  let alice: User;
  let bob: User;
  let image: string;
  withAttackers((attackers) => {
    they = attackers;
    ({room, alice, bob, image} = attackers);
  });

  describe('options', () => {
    test('dev, suid and exec: no device and no set-user-id program works', () => {
      const own = place(join(alice.home, 'suid'), ALICE);
      expect(alice.mount(image, own, '-o', 'dev,suid,exec').error).toBeUndefined();
      expect(they.at(own)!.options).toEqual(expect.arrayContaining(['nosuid', 'nodev', 'ro']));
      expect(alice.fuseward('umount', own).code).toBe(0);
    });

    test("what lets others in, what is the helper's, and operations on other mounts", () => {
      const own = place(join(alice.home, 'mnt'), ALICE);
      const refused: Array<[option: string, errno: string]> = [
        ['allow_other', 'EPERM'],
        ['allow_root', 'EPERM'],
        ['context=system_u:object_r:shadow_t:s0', 'EPERM'],
        ['fd=3', 'EINVAL'],
        ['user_id=0', 'EINVAL'],
        ['rootmode=40000', 'EINVAL'],
        ['subtype=x', 'EINVAL'],
        ['remount', 'EINVAL'],
        ['bind', 'EINVAL'],
        ['ro\\,allow_other', 'EINVAL'],
      ];
      const steps = refused.flatMap(([option]): Step[] => [
        ['connect'],
        ['send', JSON.stringify({...JSON.parse(REQUEST), options: [option]})],
        ['receive'],
        ['send', '.', 'source', 'target'],
        ['receive'],
      ]);
      const results = alice.visit(they.source(), target(own), ...steps);
      const answers = refused.map(([option], index) => [option, results[2 + 5 * index + 4].error?.errno]);
      expect(answers).toEqual(refused);
    });

    test('--policy', () => {
      const {code, stderr} = alice.fuseward('mount', '--policy', alice.home, image, join(alice.home, 'mnt'));
      expect({code, stderr}).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('--policy is for root'),
      });
    });
  });

  describe('unmounting', () => {
    test("another user's mount, root's mount, and what is no mount of ours", () => {
      const theirs = bob.image('theirs');
      bob.mount(theirs.image, theirs.target);
      const roots = room.mount('roots');
      const strange = they.at('/proc')!;
      const ids = [they.at(theirs.target)!.id, roots.mountId, strange.id, 2 ** 31 - 1];
      const requests = ids.flatMap((mountId) => [
        {version: 1, do: 'umount', mountId, lazy: false, force: false},
        {version: 1, do: 'umount', mountId, lazy: true, force: true},
      ]);
      const results = alice.visit(
        ...requests.flatMap((request): Step[] => [
          ['connect'],
          ['send', JSON.stringify(request)],
          ['receive'],
        ]),
      );
      for (let index = 2; index < results.length; index += 3) {
        expect(results[index].error).toMatchObject({code: 'not-ours', errno: 'EPERM'});
      }
      expect(alice.fuseward('umount', theirs.target).code).toBe(1);
      expect([they.at(theirs.target)?.id, they.at(roots.target)?.id]).toEqual(ids.slice(0, 2));
      expect(bob.fuseward('umount', theirs.target).code).toBe(0);
      expect(room.fuseward('umount', roots.target).code).toBe(0);
    });

    test("what lies on his own mount: the stack's top is not his", () => {
      const own = place(join(alice.home, 'stacked'), ALICE);
      alice.mount(image, own);
      const {id} = they.at(own)!;
      room.run('mount', '-t', 'tmpfs', 'none', own);
      expect(alice.fuseward('umount', own).code).toBe(1);
      const {code, stderr} = alice.fuseward('umount', '--mount-id', String(id), own);
      expect({code, stderr}).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('it is a mount of tmpfs'),
      });
      expect(they.table().filter((entry) => entry.target === own)).toHaveLength(2);
      room.run('umount', own);
      expect(alice.fuseward('umount', own).code).toBe(0);
    });

    test('his mount, while the way to it is swapped for one that leads to another', () => {
      const victim = room.mount('victim');
      const way = place(join(alice.home, 'way'), ALICE);
      const own = place(join(way, 'victim'), ALICE);
      const words = [
        'sh',
        '-c',
        `cd ${alice.home} && while :; do mv -T way away; ln -s ${room.dir} way; rm way; mv -T away way; done`,
      ];
      for (let round = 0; round < 2; round++) {
        expect(alice.mount(image, own).error).toBeUndefined();
        const mountId = they.at(own)!.id;
        const flickering = room.start(...alice.words.slice(room.namespace.length), ...words);
        const request = JSON.stringify({version: 1, do: 'umount', mountId, lazy: false, force: false});
        const attempt: Step[] = [['connect'], ['send', request], ['receive']];
        alice.visit(...attempt, ...attempt, ...attempt, ...attempt);
        flickering.kill('SIGKILL');
        expect(they.at(victim.target)?.id).toBe(victim.mountId);
        // Whatever state the loop was ended in.
        if (existsSync(join(alice.home, 'away'))) {
          rmSync(way, {force: true});
          renameSync(join(alice.home, 'away'), way);
        }
        if (they.at(own) !== undefined) expect(alice.fuseward('umount', own).code).toBe(0);
      }
      expect(room.fuseward('umount', victim.target).code).toBe(0);
    });
  });

  test('more mounts than policy lets him have, whoever tries to count along', async () => {
    await changePolicy(room, {settings: 'max_mounts_per_user = 1'});
    try {
      const [first, second] = [alice.image('first'), alice.image('one-too-many')];
      expect(alice.mount(first.image, first.target).error).toBeUndefined();
      expect(alice.mount(second.image, second.target).error).toMatchObject({
        code: 'too-many-mounts',
        errno: 'EPERM',
      });
      const others = bob.image('others');
      expect(bob.mount(others.image, others.target).error).toBeUndefined();
      expect(alice.fuseward('umount', first.target).code).toBe(0);
      // Several at once are counted one after the other.
      const runs = [first, second].map(({image, target}) =>
        room.start(
          ...alice.words.slice(room.namespace.length),
          process.execPath,
          alice.fusewardProgram,
          'mount',
          '-t',
          'ext4',
          image,
          target,
        ),
      );
      const codes = await Promise.all(runs.map((run) => new Promise((resolve) => run.once('exit', resolve))));
      expect(codes.sort()).toEqual([0, 1]);
      const made = [first, second].find(({target}) => they.at(target) !== undefined)!;
      expect(alice.fuseward('umount', made.target).code).toBe(0);
      expect(bob.fuseward('umount', others.target).code).toBe(0);
    } finally {
      await changePolicy(room);
    }
  });

  test('root needs nobody', () => {
    const {stdout} = new User(room, alice.places, 0).run(alice.visitorWords(['connect'], ['receive']));
    expect(JSON.parse(stdout)).toMatchObject(['connected', {error: {code: 'is-root'}}]);
  });
});
