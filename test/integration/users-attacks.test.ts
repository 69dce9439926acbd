import {rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY} from '../../src/sys/fd.js';
import {type Room, SOON_MS} from './manager-support.js';
import {type Attackers, place, REQUEST, target, withAttackers} from './users/attackers.js';
import {ALICE, BOB, changePolicy, missingForUsers, type User} from './users/support.js';
import type {Step} from './users/visitor.js';

const missing = missingForUsers();
const why = missing ? ` (skipped: ${missing})` : '';

/** Known attacks on fusermount(1) by way of what is to be mounted and where. */
describe.skipIf(missing !== undefined)(`what an ordinary user may not mount, and where${why}`, () => {
  let they: Attackers;
  let room: Room;
  let alice: User;
  let image: string;
  withAttackers((attackers) => {
    they = attackers;
    ({room, alice, image} = attackers);
  });

  describe('target', () => {
    test('swapped for a link after it was opened: the mount is where it was opened', () => {
      const own = place(join(alice.home, 'swapped'), ALICE);
      const victim = place(join(room.dir, 'victim-1'), 0);
      const results = alice.visit(
        they.source(),
        target(own),
        ['connect'],
        ['send', REQUEST],
        ['receive'],
        ['rename', own, `${own}-moved`],
        ['symlink', victim, own],
        ['send', '.', 'source', 'target'],
        ['receive'],
      );
      expect(results.at(-1)).toMatchObject({ok: {target: `${own}-moved`}});
      expect(they.at(victim)).toBeUndefined();
      expect(alice.fuseward('umount', `${own}-moved`).code).toBe(0);
    });

    test('swapped for a link all the time: never on what the link leads to', async () => {
      const own = place(join(alice.home, 'flicker'), ALICE);
      const victim = place(join(room.dir, 'victim-2'), 0, 0o755);
      const words = [
        'sh',
        '-c',
        `cd ${alice.home} && while :; do mv -T flicker away; ln -s ${victim} flicker; rm flicker; mv -T away flicker; done`,
      ];
      const flickering = room.start(...alice.words.slice(room.namespace.length), ...words);
      const his = () => they.table().filter(({target}) => target.startsWith(`${alice.home}/`));
      try {
        for (let round = 0; round < 3; round++) {
          alice.fuseward('mount', '-t', 'ext4', image, own);
          expect(they.at(victim)).toBeUndefined();
          // May fail: its path changes while it is looked up.
          for (const {target} of his()) alice.fuseward('umount', target);
        }
      } finally {
        flickering.kill('SIGKILL');
      }
      // The last command of the loop outlives it for a moment, and changes the path once more.
      const unmounted = () =>
        his().every(({id, target}) => alice.fuseward('umount', '--mount-id', String(id), target).code === 0);
      expect(await eventually(unmounted, SOON_MS)).toBe(true);
      // Whichever name it had when the loop was ended.
      for (const name of ['flicker', 'away']) rmSync(join(alice.home, name), {recursive: true, force: true});
    });

    test("root's, another user's, one that is sticky, a file, and in /proc and /sys", () => {
      const others = place(join(room.dir, 'of-bob'), BOB, 0o755);
      const sticky = place(join(room.dir, 'sticky'), BOB, 0o1777);
      const file = join(room.dir, 'file-of-bob');
      writeFileSync(file, '', {mode: 0o644});
      const mine = [others, sticky, file, '/etc', '/tmp', '/proc/self', '/proc/self/fd', '/sys/kernel'];
      const answers = they.askAll(mine.map((path) => [they.source(), target(path)]));
      for (const {error} of answers) expect(error).toMatchObject({code: 'target-denied', errno: 'EACCES'});
    });

    test('his own on a kind of file system that policy does not name', () => {
      const proc = place(join(alice.home, 'ramfs'), ALICE);
      room.run('mount', '-t', 'ramfs', 'none', proc);
      try {
        const inside = join(proc, 'mnt');
        room.run('install', '-d', '-o', String(ALICE), inside);
        expect(they.ask(they.source(), target(inside)).error).toMatchObject({
          code: 'policy-denied',
          errno: 'EPERM',
        });
      } finally {
        room.run('umount', proc);
      }
    });

    test('a mount point, and the directory that a mount hides', () => {
      const own = place(join(alice.home, 'hidden'), ALICE);
      const away = place(join(alice.home, 'stacking'), ALICE);
      expect(alice.mount(image, own).error).toBeUndefined();
      const second = alice.image('second').image;
      const other: Step = ['open', 'source', second, O_RDONLY];
      expect(they.ask(other, target(own)).error).toMatchObject({code: 'target-kind', errno: 'EOPNOTSUPP'});
      expect(alice.fuseward('umount', own).code).toBe(0);
      // Opened before root mounts something there.
      const visit = alice.visitorWords(
        other,
        target(away),
        ['sleep', 1_500],
        ['connect'],
        ['send', REQUEST],
        ['receive'],
        ['send', '.', 'source', 'target'],
        ['receive'],
      );
      const visitor = room.start(...alice.words.slice(room.namespace.length), ...visit);
      let text = '';
      visitor.stdout!.on('data', (piece) => (text += piece));
      const ended = new Promise((resolve) => visitor.once('close', resolve));
      room.run('sh', '-c', `sleep 0.7; mount -t tmpfs none ${away}`);
      return ended.then(() => {
        const upper = they.at(away);
        room.run('umount', away);
        expect(JSON.parse(text).at(-1).error).toMatchObject({code: 'target-busy', errno: 'EBUSY'});
        expect(upper).toMatchObject({fsType: 'tmpfs'});
      });
    });

    test('a descriptor that is not only a place, or of no place at all', () => {
      const own = place(join(alice.home, 'opened'), ALICE);
      const open: Step = ['open', 'target', own, O_RDONLY | O_DIRECTORY];
      expect(they.ask(they.source(), open).error).toMatchObject({code: 'bad-descriptor'});
      expect(they.ask(they.source(), ['memfd', 'target']).error).toMatchObject({code: 'other-namespace'});
      expect(they.ask(they.source(), target('/dev/null')).error).toMatchObject({code: 'target-kind'});
    });

    test('on a FUSE file system, whose server could keep the manager waiting', () => {
      const own = place(join(alice.home, 'fuse'), ALICE);
      expect(alice.mount(image, own).error).toBeUndefined();
      const inside = join(own, 'lost+found');
      expect(
        they.ask(['open', 'source', join(own, 'index.ts'), O_RDONLY], target(alice.home)).error,
      ).toMatchObject({code: 'source-kind', errno: 'EOPNOTSUPP'});
      expect(they.ask(they.source(), target(inside)).error).toMatchObject({
        code: 'target-kind',
        errno: 'EOPNOTSUPP',
      });
      expect(alice.fuseward('umount', own).code).toBe(0);
    });
  });

  describe('source', () => {
    let own: string;
    beforeAll(() => {
      own = place(join(alice.home, 'mnt'), ALICE);
    });
    const askFor = (...steps: Step[]) => they.ask(...steps, target(own)).error;

    test('a file that he may not read', () => {
      const secret = join(room.dir, 'secret.img');
      writeFileSync(secret, Buffer.alloc(4096), {mode: 0o600});
      expect(alice.mount(secret, own).error).toMatchObject({code: 'source-unreadable', errno: 'EACCES'});
      // What he can have of it is no right to read.
      expect(askFor(['open', 'source', secret, O_PATH])).toMatchObject({
        code: 'bad-descriptor',
        errno: 'EBADF',
      });
    });

    test('a descriptor that is only a place, or lets somebody write', () => {
      const ways = [O_PATH, O_WRONLY, O_RDWR];
      const answers = they.askAll(ways.map((flags) => [['open', 'source', image, flags], target(own)]));
      for (const {error} of answers) expect(error).toMatchObject({code: 'bad-descriptor', errno: 'EBADF'});
    });

    test('a FIFO, a device, a directory, a socket, memory, a deleted file', () => {
      const fifo = join(alice.home, 'fifo');
      const gone = join(alice.home, 'gone.img');
      const attempts: Array<[code: string, ...steps: Step[]]> = [
        ['source-kind', ['run', 'mkfifo', fifo], ['open', 'source', fifo, O_RDONLY | O_NONBLOCK]],
        ['source-kind', ['open', 'source', '/dev/zero', O_RDONLY]],
        ['source-kind', ['open', 'source', alice.home, O_RDONLY]],
        ['other-namespace', ['socket', 'source', join(alice.home, 'socket')]],
        ['other-namespace', ['memfd', 'source']],
        [
          'source-missing',
          ['run', 'cp', image, gone],
          ['open', 'source', gone, O_RDONLY],
          ['run', 'rm', gone],
        ],
      ];
      const answers = they.askAll(attempts.map(([, ...steps]) => [...steps, target(own)]));
      expect(answers.map(({error}) => error?.code)).toEqual(attempts.map(([code]) => code));
    });

    test('a block device that he may read, where the rule is for files', () => {
      const loop = room.run('losetup', '--find', '--show', '--read-only', image).trim();
      const device = join(room.dir, 'device');
      try {
        room.run('sh', '-c', `mknod ${device} b $(stat -c '0x%t 0x%T' ${loop}) && chmod 644 ${device}`);
        expect(askFor(['open', 'source', device, O_RDONLY])).toMatchObject({
          code: 'policy-denied',
          errno: 'EPERM',
        });
      } finally {
        room.run('losetup', '--detach', loop);
      }
    });

    test('a file that has another path in a mount namespace of his own', async () => {
      const allowed = place(join(room.dir, 'allowed'), 0);
      writeFileSync(join(allowed, 'good.img'), '');
      await changePolicy(room, {
        rule: `[[allow]]\nusers = ["*"]\nsources = ["${allowed}/*"]\nsource_owner = "anyone"\ntargets = ["**"]\ntarget_owner = "anyone"\naccess = "read-only"\n`,
      });
      try {
        expect(alice.mount(image, own).error).toMatchObject({code: 'policy-denied'});
        const steps: Step[] = [
          ['open', 'source', join(allowed, 'good.img'), O_RDONLY],
          ['open', 'target', own, O_PATH],
          ['connect'],
          ['send', REQUEST],
          ['receive'],
          ['send', '.', 'source', 'target'],
          ['receive'],
        ];
        const inside = `mount --bind ${image} ${allowed}/good.img && exec "$0" "$@"`;
        const {stdout, stderr} = alice.run([
          'unshare',
          '--user',
          '--map-current-user',
          '--keep-caps',
          '--mount',
          'sh',
          '-c',
          inside,
          ...alice.visitorWords(...steps),
        ]);
        expect(stderr).toBe('');
        expect(JSON.parse(stdout).at(-1).error).toMatchObject({code: 'other-namespace', errno: 'EXDEV'});
      } finally {
        await changePolicy(room);
      }
    });
  });
});
