import {chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY} from '../../src/sys/fd.js';
import {type MountEntry, parseMountInfo} from '../../src/sys/mount-info.js';
import {type Daemon, Room} from './manager-support.js';
import {
  ALICE,
  BOB,
  changePolicy,
  missingForUsers,
  publicProgram,
  User,
  writePolicy,
} from './users/support.js';
import type {Step} from './users/visitor.js';

const missing = missingForUsers();
const why = missing ? ` (skipped: ${missing})` : '';
const REQUEST = JSON.stringify({version: 1, do: 'mount', type: 'ext4', options: []});

interface Answer {
  ok?: Record<string, unknown>;
  error?: {code: string; errno: string; message: string};
}

/** Each known attack on fusermount(1), by a user who does not use our program where it would be in his way. */
describe.skipIf(missing !== undefined)(`what an ordinary user may not do${why}`, () => {
  let room: Room;
  let daemon: Daemon;
  let alice: User;
  let bob: User;
  let image: string;
  let before: string[];
  beforeAll(async () => {
    room = await Room.create();
    const places = await publicProgram(room);
    daemon = await room.daemon('--policy', writePolicy(room));
    alice = new User(room, places, ALICE);
    bob = new User(room, places, BOB);
    image = alice.image('disk').image;
  });
  beforeEach(() => {
    before = table().map(({target}) => target);
  });
  afterEach(() => {
    expect(table().map(({target}) => target)).toEqual(before);
  });
  afterAll(async () => {
    expect(daemon.stderr()).toBe('');
    expect(await daemon.end()).toBe(0);
    expect(room.leftovers()).toMatchObject({mounts: [], loops: []});
    await room.close();
  });

  const table = (): MountEntry[] => parseMountInfo(room.run('cat', '/proc/self/mountinfo'));
  const at = (target: string): MountEntry | undefined => table().findLast((entry) => entry.target === target);

  /** A directory of somebody's. */
  function place(path: string, owner: number, mode = 0o755): string {
    mkdirSync(path);
    chownSync(path, owner, owner);
    chmodSync(path, mode);
    return path;
  }

  /** Asks for mounts, one after the other, of what the steps opened as `source` and `target`. @returns the manager's answers */
  function askAll(attempts: readonly Step[][], request = REQUEST): Answer[] {
    const ask: Step[] = [
      ['connect'],
      ['send', request],
      ['receive'],
      ['send', '.', 'source', 'target'],
      ['receive'],
    ];
    const results = alice.visit(...attempts.flatMap((steps) => [...steps, ...ask]));
    let end = 0;
    return attempts.map((steps) => {
      // None may fail before the manager has anything to refuse.
      expect(results.slice(end, end + steps.length)).not.toContain('EACCES');
      end += steps.length + ask.length;
      return results[end - 1];
    });
  }
  const ask = (...steps: Step[]): Answer => askAll([steps])[0]!;
  const source: () => Step = () => ['open', 'source', image, O_RDONLY];
  const target = (path: string): Step => ['open', 'target', path, O_PATH];

  describe('target', () => {
    test('swapped for a link after it was opened: the mount is where it was opened', () => {
      const own = place(join(alice.home, 'swapped'), ALICE);
      const victim = place(join(room.dir, 'victim-1'), 0);
      const results = alice.visit(
        source(),
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
      expect(at(victim)).toBeUndefined();
      expect(alice.fuseward('umount', `${own}-moved`).code).toBe(0);
    });

    test('swapped for a link all the time: never on what the link leads to', () => {
      const own = place(join(alice.home, 'flicker'), ALICE);
      const victim = place(join(room.dir, 'victim-2'), 0, 0o755);
      const words = [
        'sh',
        '-c',
        `cd ${alice.home} && while :; do mv -T flicker away; ln -s ${victim} flicker; rm flicker; mv -T away flicker; done`,
      ];
      const flickering = room.start(...alice.words.slice(room.namespace.length), ...words);
      const his = () => table().filter(({target}) => target.startsWith(`${alice.home}/`));
      try {
        for (let round = 0; round < 3; round++) {
          alice.fuseward('mount', '-t', 'ext4', image, own);
          expect(at(victim)).toBeUndefined();
          // May fail: its path changes while it is looked up.
          for (const {target} of his()) alice.fuseward('umount', target);
        }
      } finally {
        flickering.kill('SIGKILL');
      }
      for (const {id, target} of his()) {
        expect(alice.fuseward('umount', '--mount-id', String(id), target).code).toBe(0);
      }
      // Whichever name it had when the loop was ended.
      for (const name of ['flicker', 'away']) rmSync(join(alice.home, name), {recursive: true, force: true});
    });

    test("root's, another user's, one that is sticky, a file, and in /proc and /sys", () => {
      const others = place(join(room.dir, 'of-bob'), BOB, 0o755);
      const sticky = place(join(room.dir, 'sticky'), BOB, 0o1777);
      const file = join(room.dir, 'file-of-bob');
      writeFileSync(file, '', {mode: 0o644});
      const mine = [others, sticky, file, '/etc', '/tmp', '/proc/self', '/proc/self/fd', '/sys/kernel'];
      const answers = askAll(mine.map((path) => [source(), target(path)]));
      for (const {error} of answers) expect(error).toMatchObject({code: 'target-denied', errno: 'EACCES'});
    });

    test('his own on a kind of file system that policy does not name', () => {
      const proc = place(join(alice.home, 'ramfs'), ALICE);
      room.run('mount', '-t', 'ramfs', 'none', proc);
      try {
        const inside = join(proc, 'mnt');
        room.run('install', '-d', '-o', String(ALICE), inside);
        expect(ask(source(), target(inside)).error).toMatchObject({code: 'policy-denied', errno: 'EPERM'});
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
      expect(ask(other, target(own)).error).toMatchObject({code: 'target-kind', errno: 'EOPNOTSUPP'});
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
        const upper = at(away);
        room.run('umount', away);
        expect(JSON.parse(text).at(-1).error).toMatchObject({code: 'target-busy', errno: 'EBUSY'});
        expect(upper).toMatchObject({fsType: 'tmpfs'});
      });
    });

    test('a descriptor that is not only a place, or of no place at all', () => {
      const own = place(join(alice.home, 'opened'), ALICE);
      const open: Step = ['open', 'target', own, O_RDONLY | O_DIRECTORY];
      expect(ask(source(), open).error).toMatchObject({code: 'bad-descriptor'});
      expect(ask(source(), ['memfd', 'target']).error).toMatchObject({code: 'other-namespace'});
      expect(ask(source(), target('/dev/null')).error).toMatchObject({code: 'target-kind'});
    });

    test('on a FUSE file system, whose server could keep the manager waiting', () => {
      const own = place(join(alice.home, 'fuse'), ALICE);
      expect(alice.mount(image, own).error).toBeUndefined();
      const inside = join(own, 'lost+found');
      expect(
        ask(['open', 'source', join(own, 'index.ts'), O_RDONLY], target(alice.home)).error,
      ).toMatchObject({code: 'source-kind', errno: 'EOPNOTSUPP'});
      expect(ask(source(), target(inside)).error).toMatchObject({code: 'target-kind', errno: 'EOPNOTSUPP'});
      expect(alice.fuseward('umount', own).code).toBe(0);
    });
  });

  describe('source', () => {
    let own: string;
    beforeAll(() => {
      own = place(join(alice.home, 'mnt'), ALICE);
    });
    const askFor = (...steps: Step[]) => ask(...steps, target(own)).error;

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
      const answers = askAll(ways.map((flags) => [['open', 'source', image, flags], target(own)]));
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
      const answers = askAll(attempts.map(([, ...steps]) => [...steps, target(own)]));
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

  describe('options', () => {
    test('dev, suid and exec: no device and no set-user-id program works', () => {
      const own = place(join(alice.home, 'suid'), ALICE);
      expect(alice.mount(image, own, '-o', 'dev,suid,exec').error).toBeUndefined();
      expect(at(own)!.options).toEqual(expect.arrayContaining(['nosuid', 'nodev', 'ro']));
      expect(alice.fuseward('umount', own).code).toBe(0);
    });

    test("what lets others in, what is the helper's, and operations on other mounts", () => {
      const own = join(alice.home, 'mnt');
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
      const results = alice.visit(source(), target(own), ...steps);
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
      const strange = at('/proc')!;
      const ids = [at(theirs.target)!.id, roots.mountId, strange.id, 2 ** 31 - 1];
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
      expect([at(theirs.target)?.id, at(roots.target)?.id]).toEqual(ids.slice(0, 2));
      expect(bob.fuseward('umount', theirs.target).code).toBe(0);
      expect(room.fuseward('umount', roots.target).code).toBe(0);
    });

    test("what lies on his own mount: the stack's top is not his", () => {
      const own = place(join(alice.home, 'stacked'), ALICE);
      alice.mount(image, own);
      const {id} = at(own)!;
      room.run('mount', '-t', 'tmpfs', 'none', own);
      expect(alice.fuseward('umount', own).code).toBe(1);
      const {code, stderr} = alice.fuseward('umount', '--mount-id', String(id), own);
      expect({code, stderr}).toMatchObject({code: 1, stderr: expect.stringContaining('it is a tmpfs mount')});
      expect(table().filter((entry) => entry.target === own)).toHaveLength(2);
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
        const mountId = at(own)!.id;
        const flickering = room.start(...alice.words.slice(room.namespace.length), ...words);
        const request = JSON.stringify({version: 1, do: 'umount', mountId, lazy: false, force: false});
        const attempt: Step[] = [['connect'], ['send', request], ['receive']];
        alice.visit(...attempt, ...attempt, ...attempt, ...attempt);
        flickering.kill('SIGKILL');
        expect(at(victim.target)?.id).toBe(victim.mountId);
        // Whatever state the loop was ended in.
        if (existsSync(join(alice.home, 'away'))) {
          rmSync(way, {force: true});
          renameSync(join(alice.home, 'away'), way);
        }
        if (at(own) !== undefined) expect(alice.fuseward('umount', own).code).toBe(0);
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
      const made = [first, second].find(({target}) => at(target) !== undefined)!;
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
