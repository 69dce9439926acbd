import {chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {parseMountInfo} from '../../src/sys/mount-info.js';
import {type Daemon, Room, SOON_MS} from './manager-support.js';
import {
  ALICE,
  BOB,
  changePolicy,
  missingForUsers,
  publicProgram,
  RULE,
  User,
  writePolicy,
} from './users/support.js';

const missing = missingForUsers();
const why = missing ? ` (skipped: ${missing})` : '';

describe.skipIf(missing !== undefined)(`mounts of ordinary users${why}`, () => {
  let room: Room;
  let daemon: Daemon;
  let alice: User;
  let bob: User;
  beforeAll(async () => {
    room = await Room.create();
    const places = await publicProgram(room);
    const policy = writePolicy(room);
    daemon = await room.daemon('--policy', policy);
    alice = new User(room, places, ALICE);
    bob = new User(room, places, BOB);
  });
  afterAll(async () => {
    expect(daemon.stderr()).toBe('');
    expect(await daemon.end()).toBe(0);
    expect(room.leftovers()).toMatchObject({mounts: [], loops: []});
    await room.close();
  });

  const mountsOn = (target: string) =>
    parseMountInfo(room.run('cat', '/proc/self/mountinfo')).filter((entry) => entry.target === target);

  test('a user mounts through mount.fuseward, as mount(8) starts it for him, and the manager decides', () => {
    const {image, target} = alice.image('helped');
    const helper = join(room.dir, 'program/bin/mount.fuseward');
    const words = ['-o', 'rw,noexec,nosuid,nodev,user,nofail', '-t', 'fuseward.ext4'];
    expect(alice.run([helper, image, target, ...words])).toMatchObject({code: 0, stdout: ''});
    const [entry] = mountsOn(target);
    expect(entry!.options).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec']));
    expect(entry!.superOptions).toContain(`user_id=${ALICE}`);
    expect(alice.run([helper, image, target, ...words]).code).toBe(32);
    expect(alice.fuseward('umount', target).code).toBe(0);
    expect(alice.run([helper, image, target, '-o', 'allow_other', '-t', 'fuseward.ext4'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('allow_other'),
    });
    expect(alice.run([helper, join(alice.home, 'none.img'), target, '-o', 'nofail']).code).toBe(0);
    expect(alice.run([helper, join(alice.home, 'none.img'), target]).code).toBe(32);
  });

  test('a user mounts an image of his, sees it, and nobody else enters', () => {
    const {image, target} = alice.image('own');
    const made = alice.mount(image, target);
    expect(made).toMatchObject({source: image, target, type: 'fuse.ext4', readOnly: true});
    // The file is his to write to: no loop device of the machine's is made of it.
    expect(made['loopDevice']).toBeUndefined();
    const [entry] = mountsOn(target);
    expect(entry!.options).toEqual(expect.arrayContaining(['ro', 'nosuid', 'nodev']));
    expect(entry!.superOptions).toEqual(expect.arrayContaining([`user_id=${ALICE}`, `group_id=${ALICE}`]));
    expect(entry!.superOptions).not.toContain('allow_other');
    expect(alice.run(['cat', join(target, 'index.ts')]).stdout).toBe(
      readFileSync('src/wire/index.ts', 'utf8'),
    );
    expect(bob.run(['ls', target]).stderr).toContain('Permission denied');
    expect(() => room.run('ls', target)).toThrow(/Permission denied/);
    expect(alice.fuseward('umount', target)).toEqual({code: 0, stdout: '', stderr: ''});
    expect(mountsOn(target)).toEqual([]);
  });

  test('the manager knows whose it is, looks after it, and tells him', async () => {
    const {image, target} = alice.image('listed');
    alice.mount(image, target);
    const view = await room.seen(target, ({health}) => health === 'ok');
    expect(view).toMatchObject({callerUid: ALICE, ours: true, health: 'ok', loopDevice: null});
    const mine = JSON.parse(alice.fuseward('ls', '--json').stdout);
    expect(mine).toMatchObject([{target, health: 'ok', callerUid: ALICE}]);
    // What the kernel shows everybody, and no more.
    expect(JSON.parse(bob.fuseward('ls', '--json').stdout)).toMatchObject([
      {target, health: 'unknown', callerUid: null},
    ]);
    expect(alice.fuseward('umount', String(view!.id)).code).toBe(0);
    expect(await room.unseen(target)).toBe(true);
  });

  test('the type is found out; a relative path and a link are followed with his rights', () => {
    const {image, target} = alice.image('detected');
    const link = join(alice.home, 'link');
    const {code, stderr} = alice.run([
      'sh',
      '-c',
      `cd ${alice.home} && ln -s detected link && exec "$0" "$1" mount ./detected.img link`,
      process.execPath,
      alice.fusewardProgram,
    ]);
    expect({code, stderr}).toEqual({code: 0, stderr: ''});
    expect(mountsOn(target)).toMatchObject([{source: image, fsType: 'fuse.ext4'}]);
    expect(alice.fuseward('umount', link).code).toBe(0);
  });

  test('a part of an image becomes a file on a file of his', () => {
    const {image} = alice.image('raw');
    const part = join(alice.home, 'part');
    writeFileSync(part, '');
    chownSync(part, ALICE, ALICE);
    const {code, stderr} = alice.fuseward('mount', '-t', 'raw', '-o', 'offset=1024,size=1024', image, part);
    expect({code, stderr}).toEqual({code: 0, stderr: ''});
    // The superblock's magic number.
    expect(alice.run(['od', '-An', '-tx2', '-j56', '-N2', part]).stdout.trim()).toBe('ef53');
    expect(alice.fuseward('umount', part).code).toBe(0);
  });

  test('a file system over images of his that a rule lists, and over none of others', async () => {
    const make = alice.fuseward(
      ...['mkstripefs', '--member', join(alice.home, 'm.img'), join(alice.home, 'fs.json')],
      '/etc/hostname',
    );
    expect(make).toMatchObject({code: 0, stderr: ''});
    const target = join(alice.home, 'striped');
    mkdirSync(target);
    chownSync(target, ALICE, ALICE);
    writeFileSync(join(bob.home, 'b.img'), Buffer.alloc(4096));
    chownSync(join(bob.home, 'b.img'), BOB, BOB);
    const mount = (superblock: string) =>
      alice.fuseward('mount', '-t', 'stripefs', join(alice.home, superblock), target);
    const homes = `members = ["${room.dir}/home-*/*.img"]\n`;
    await changePolicy(room, {
      rule: RULE.replace('source_owner = "anyone"\n', `source_owner = "caller"\n${homes}`),
    });
    try {
      expect(mount('fs.json')).toEqual({code: 0, stdout: '', stderr: ''});
      expect(alice.run(['cat', join(target, 'hostname')]).stdout).toBe(readFileSync('/etc/hostname', 'utf8'));
      const view = await room.seen(target, ({health}) => health === 'ok');
      expect(view).toMatchObject({members: [{path: join(alice.home, 'm.img'), loopDevice: null}]});
      expect(alice.fuseward('umount', target).code).toBe(0);
      const superblock = readFileSync(join(alice.home, 'fs.json'), 'utf8');
      writeFileSync(
        join(alice.home, 'bobs.json'),
        superblock.replace('"m.img"', `"${join(bob.home, 'b.img')}"`),
      );
      chownSync(join(alice.home, 'bobs.json'), ALICE, ALICE);
      expect(mount('bobs.json').stderr).toContain(`b.img: it belongs to user ${BOB}, not to user ${ALICE}`);
    } finally {
      await changePolicy(room);
    }
  });

  test('a server that dies has its mount taken away', async () => {
    const {image, target} = alice.image('dying');
    const {serverPid} = alice.mount(image, target);
    process.kill(Number(serverPid), 'SIGKILL');
    expect(await room.unseen(target)).toBe(true);
  });

  test('lazily and by force', async () => {
    const {image, target} = alice.image('busy');
    alice.mount(image, target);
    const user = room.start(
      ...alice.words.slice(room.namespace.length),
      'sh',
      '-c',
      `cd ${target} && echo in && exec sleep 60`,
    );
    await new Promise((resolve) => user.stdout!.once('data', resolve));
    const refused = alice.fuseward('umount', '--json', target);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout).error).toMatchObject({code: 'target-busy', errno: 'EBUSY'});
    expect(alice.fuseward('umount', '--lazy', target).code).toBe(0);
    expect(mountsOn(target)).toEqual([]);
    user.kill('SIGKILL');
  });

  test('a group of his may be the one that a rule or a directory is for', async () => {
    const member = new User(room, alice.places, ALICE, [4_242]);
    const {image} = alice.image('grouped');
    const shared = join(room.dir, 'shared');
    room.run('mkdir', shared);
    chownSync(shared, 0, 4_242);
    chmodSync(shared, 0o775);
    expect(alice.mount(image, shared).error).toMatchObject({code: 'target-denied', errno: 'EACCES'});
    await changePolicy(room, {
      rule: '[[allow]]\ngroups = ["4242"]\nsources = ["**"]\nsource_owner = "caller"\ntargets = ["**"]\ntarget_owner = "anyone"\naccess = "read-only"\n',
    });
    try {
      expect(alice.mount(image, shared).error).toMatchObject({code: 'policy-denied', errno: 'EPERM'});
      expect(member.mount(image, shared).error).toBeUndefined();
      expect(member.fuseward('umount', shared).code).toBe(0);
    } finally {
      await changePolicy(room);
    }
  });

  test('what policy denies is told with the rule, and logged with the user', async () => {
    const {image, target} = alice.image('denied');
    await changePolicy(room, {
      rule: '[[allow]]\nusers = ["root"]\nsources = ["**"]\nsource_owner = "anyone"\ntargets = ["**"]\ntarget_owner = "anyone"\naccess = "read-write"\n',
    });
    try {
      const {error} = alice.mount(image, target);
      expect(error).toMatchObject({code: 'policy-denied', errno: 'EPERM'});
      expect(error!.message).toMatch(/ext4\.toml:\d+/);
      const told = () =>
        daemon.log().some(({msg, callerUid}) => msg === 'a mount was denied' && callerUid === ALICE);
      expect(await eventually(told, SOON_MS)).toBe(true);
    } finally {
      await changePolicy(room);
    }
  });

  test('without a manager it says who could help', async () => {
    const other = await Room.create();
    try {
      const user = new User(other, alice.places, ALICE);
      other.run('chmod', '755', other.dir);
      const {image, target} = user.image('alone');
      for (const args of [
        ['mount', image, target],
        ['umount', '--mount-id', '1', target],
      ]) {
        const {code, stderr} = user.fuseward(...args);
        expect(code).toBe(1);
        expect(stderr).toMatch(
          /^fuseward: can't (?:u?n?mount) .*only root may do that without a manager.*fuseward daemon/,
        );
      }
    } finally {
      await other.close();
    }
  });
});
