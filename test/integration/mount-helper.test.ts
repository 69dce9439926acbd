import {spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {CHECKOUT} from '../support/checkout.js';
import {run} from '../support/mounts.js';
import {missingForMounts} from './helper-support.js';
import {MountHelperRoom} from './mount-helper-room.js';

const missing = missingForMounts();
const HELPER = join(CHECKOUT, 'bin/mount.fuseward');

let room: MountHelperRoom;

/** Loop devices around the room's images. */
function loops(): string[] {
  return run('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE'])
    .split('\n')
    .filter((line) => line.includes(room.dir));
}

describe.skipIf(missing !== undefined)(
  `mount(8) and mount.fuseward${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    beforeAll(async () => {
      room = await MountHelperRoom.open();
    });
    afterEach(async () => {
      room.fstab('');
      const left = room.run('findmnt', '--noheadings', '--raw', '--output', 'TARGET').stdout.split('\n');
      const mounted = left.filter((line) => line.startsWith(`${room.dir}/`) && !/\/(over|fstab)$/.test(line));
      for (const target of mounted.reverse()) room.run('umount', '--lazy', target);
      expect(mounted, 'mounts were left').toEqual([]);
      expect(await eventually(() => loops().length === 0, 30_000), 'loop devices were left').toBe(true);
    });
    afterAll(async () => {
      await room.remove();
    });

    test('mounts what "mount -t fuseward.ext4" names, and umount(8) needs no help', () => {
      const {code, stdout, stderr} = room.run('mount', '-t', 'fuseward.ext4', room.image, room.target);
      expect({code, stdout}).toEqual({code: 0, stdout: ''});
      expect(stderr).toBe(`fuseward: ${room.target}: WARNING: ext4 is only read here, mounted read-only.\n`);
      expect(room.shown('FSTYPE')).toBe('fuse.ext4');
      expect(room.shown('SOURCE')).toBe(room.image);
      expect(room.shown('OPTIONS')).toMatch(/^ro,nosuid,nodev,relatime,/);
      expect(room.run('cat', join(room.target, 'struct.ts')).stdout).toBe(
        readFileSync(join(CHECKOUT, 'src/wire/struct.ts'), 'utf8'),
      );
      expect(room.run('umount', room.target)).toEqual({code: 0, stdout: '', stderr: ''});
      expect(room.shown('FSTYPE')).toBe('');
    });

    test.each([
      ['with -l', ['--lazy']],
      ['with -f', ['--force']],
      ['by its source', []],
    ])('umount %s', (what, how) => {
      expect(room.run('mount', '-r', '-t', 'fuseward', room.image, room.target)).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
      expect(room.shown('FSTYPE')).toBe('fuse.ext4');
      expect(room.run('umount', ...how, what === 'by its source' ? room.image : room.target)).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
      expect(room.shown('FSTYPE')).toBe('');
    });

    const generic =
      'defaults,user,users,owner,group,nofail,noauto,auto,_netdev,x-systemd.automount,X-test=1,comment=a b,helper=h,uhelper=u';
    test('what is for mount(8) and fstab(5) is dropped, what is for the mount is honoured', () => {
      const kept = 'noexec,noatime,nodiratime,nosymfollow,lazytime,sync,dirsync';
      expect(
        room.run('mount', '-t', 'fuseward.ext4', '-o', `ro,${generic},${kept}`, room.image, room.target),
      ).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
      const shown = room.shown('OPTIONS').split(',');
      for (const option of ['ro', 'nosuid', 'nodev', ...kept.split(',')]) expect(shown).toContain(option);
      expect(room.run('umount', room.target).code).toBe(0);
      // The helper alone: mount(8) takes some of these out before.
      expect(
        room.run(HELPER, room.image, room.target, '-o', `rw,${generic},strictatime`, '-t', 'fuseward.ext4')
          .code,
      ).toBe(0);
      expect(room.shown('OPTIONS')).not.toContain('relatime');
      expect(room.run('umount', room.target).code).toBe(0);
    });

    test('-f checks everything and mounts nothing', () => {
      expect(
        room.run('mount', '-f', '-v', '-n', '-t', 'fuseward.ext4', room.image, room.target),
      ).toMatchObject({
        code: 0,
        stderr: '',
      });
      expect(room.shown('FSTYPE')).toBe('');
      expect(room.run('mount', '-f', '-t', 'fuseward.ext4', join(room.dir, 'none'), room.target).code).toBe(
        32,
      );
      expect(room.run('mount', '-f', '-t', 'fuseward.no-such', room.image, room.target).code).toBe(32);
      expect(
        room.run('mount', '-f', '-t', 'fuseward.ext4', '-o', 'fd=3', room.image, room.target),
      ).toMatchObject({
        code: 1,
        stderr: `fuseward: can't mount with option "fd": it is set by the mount helper alone\n`,
      });
    });

    test('-s drops options that no driver knows, and without it they are refused by name', () => {
      const strange = [
        '-t',
        'fuseward.ext4',
        '-o',
        'ro,strange,odd=1,errors=continue',
        room.image,
        room.target,
      ];
      expect(room.run('mount', ...strange)).toMatchObject({
        code: 32,
        stderr: expect.stringContaining('the server says: option strange is not known (EINVAL)'),
      });
      expect(room.run('mount', '-s', ...strange)).toEqual({code: 0, stdout: '', stderr: ''});
      expect(room.run('umount', room.target).code).toBe(0);
    });

    test('-v tells the rule that allowed it', () => {
      const {code, stdout} = room.run('mount', '-v', '-r', '-t', 'fuseward.ext4', room.image, room.target);
      expect(code).toBe(0);
      expect(stdout).toMatch(/is on \S+ as fuse\.ext4, allowed by \S+\/ext4\.toml:\d+\n/);
      expect(room.run('umount', room.target).code).toBe(0);
    });

    test('-N: another mount namespace is refused, the own one is not', () => {
      const foreign = room.run(
        'mount',
        '-N',
        `/proc/${process.pid}/ns/mnt`,
        '-t',
        'fuseward.ext4',
        room.image,
        room.target,
      );
      expect(foreign.code).not.toBe(0);
      expect(room.shown('FSTYPE')).toBe('');
      const named = room.run(HELPER, room.image, room.target, '-N', `/proc/${process.pid}/ns/mnt`);
      expect(named).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^fuseward: can't mount in mount namespace .*: it is another one/),
      });
      expect(room.run(HELPER, room.image, room.target, '-N', '999999999')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('there is no such namespace'),
      });
      expect(room.run('sh', '-c', `exec ${HELPER} ${room.image} ${room.target} -f -N $$`).code).toBe(0);
    });

    test('a loop device of mount(8)’s own, with offset=', () => {
      const whole = join(room.dir, 'whole.img');
      writeFileSync(whole, Buffer.concat([Buffer.alloc(1 << 20), readFileSync(room.image)]));
      const options = 'ro,loop,offset=1048576';
      expect(room.run('mount', '-t', 'fuseward.ext4', '-o', options, whole, room.target)).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
      expect(room.shown('SOURCE')).toMatch(/^\/dev\/loop\d+$/);
      expect(room.run('ls', room.target).stdout).toContain('struct.ts');
      expect(room.run('umount', room.target).code).toBe(0);
    });

    test('a line of fstab: mount by target, mount -a twice, umount by target', () => {
      room.fstab(`${room.image} ${room.target} fuseward.ext4 ro,nofail,noexec 0 0\n`);
      expect(room.run('mount', room.target)).toEqual({code: 0, stdout: '', stderr: ''});
      expect(room.shown('OPTIONS')).toContain('noexec');
      expect(room.run('umount', room.target).code).toBe(0);
      expect(room.run('mount', '-a')).toEqual({code: 0, stdout: '', stderr: ''});
      expect(room.run('mount', '-a')).toEqual({code: 0, stdout: '', stderr: ''});
      expect(
        room.run('findmnt', '--noheadings', '--list', '--source', room.image).stdout.trim().split('\n'),
      ).toHaveLength(1);
      expect(room.run('umount', room.target).code).toBe(0);
      room.fstab(`${room.dir}/none.img ${room.target} fuseward.ext4 ro,nofail 0 0\n`);
      expect(room.run('mount', '-a').code).toBe(0);
      room.fstab(`${room.dir}/none.img ${room.target} fuseward.ext4 ro 0 0\n`);
      expect(room.run('mount', '-a').code).not.toBe(0);
    });

    test('uid=, gid=, umask=: everything belongs to somebody, to whom the kernel then listens', () => {
      const tree = join(room.dir, 'tree');
      const image = join(room.dir, 'owned.img');
      mkdirSync(join(tree, 'dir'), {recursive: true, mode: 0o755});
      writeFileSync(join(tree, 'dir/file'), 'x', {mode: 0o644});
      symlinkSync('dir', join(tree, 'link'));
      run('setfacl', ['-m', 'u:4321:rwx', join(tree, 'dir/file')]);
      run('mke2fs', ['-q', '-t', 'ext4', '-E', 'root_owner=7:7', '-d', tree, image, '8M']);
      const look = (options: string): string[] => {
        expect(room.run('mount', '-t', 'fuseward.ext4', '-o', options, image, room.target)).toMatchObject({
          code: 0,
          stderr: '',
        });
        const names = ['dir', 'dir/file', 'link'].map((name) => join(room.target, name));
        const {stdout} = room.run('stat', '--format=%u %g %a', room.target, ...names);
        const acl = room.run(
          'getfattr',
          '--absolute-names',
          '--match=.',
          join(room.target, 'dir/file'),
        ).stdout;
        const rows = [...stdout.trim().split('\n'), acl.includes('posix_acl_access') ? 'acl' : 'none'];
        expect(room.run('umount', room.target).code).toBe(0);
        return rows;
      };
      expect(look('ro')).toEqual(['7 7 755', '0 0 755', '0 0 674', '0 0 777', 'acl']);
      expect(look('ro,uid=1234,gid=99,umask=027')).toEqual([
        '1234 99 750',
        '1234 99 750',
        '1234 99 650',
        '1234 99 777',
        'none',
      ]);
      expect(look('ro,uid=4294967294,dmask=0,fmask=777')).toEqual([
        '4294967294 7 755',
        '4294967294 0 755',
        '4294967294 0 0',
        '4294967294 0 777',
        'none',
      ]);
      // A name of a user mount(8) turns into its number.
      for (const wrong of ['uid=4294967295', 'umask=8']) {
        const {code, stderr} = room.run(
          'mount',
          '-t',
          'fuseward.ext4',
          '-o',
          `ro,${wrong}`,
          image,
          room.target,
        );
        expect(code, wrong).toBe(32);
        expect(stderr).toContain(`option ${wrong} is not`);
      }
    });

    test('hostile surroundings: the mount is made, nothing of theirs runs, and the server inherits nothing', () => {
      const evil = join(room.dir, 'evil');
      const ran = join(room.dir, 'evil-ran');
      mkdirSync(join(evil, 'node_modules/koffi'), {recursive: true});
      for (const name of ['node', 'bwrap', 'prlimit', 'env', 'readlink', 'mount', 'umount', 'ldd', 'sh']) {
        writeFileSync(join(evil, name), `#!/bin/sh\n: > ${ran}\n`, {mode: 0o755});
      }
      for (const name of ['evil.cjs', 'node_modules/koffi/index.js']) {
        writeFileSync(join(evil, name), `require('fs').writeFileSync(${JSON.stringify(ran)}, '');`);
      }
      writeFileSync(join(evil, 'package.json'), '{"type": "commonjs"}');
      const hostile = [
        `PATH=${evil}`,
        `NODE_OPTIONS=--require=${evil}/evil.cjs`,
        `NODE_PATH=${evil}/node_modules`,
        `LD_LIBRARY_PATH=${evil}`,
        'LD_PRELOAD=/no/such.so',
        `HOME=${evil}`,
        `TMPDIR=${evil}`,
        'LISTEN_FDS=3',
        'NOTIFY_SOCKET=/run/nowhere',
        'SECRET=marked-for-nobody',
      ];
      const line = `cd ${evil}; umask 0; trap '' PIPE CHLD TERM; for each in '-n 16' '-f 0' '-t 9' '-v 9000000' '-s 256'; do ulimit -S $each; done
exec <&- >&- 2>&-
exec /usr/bin/env -i ${hostile.join(' ')} ${HELPER} ${room.image} ${room.target} -o ro -t fuseward.ext4`;
      expect(room.run('sh', '-c', line)).toMatchObject({code: 0});
      expect(existsSync(ran)).toBe(false);
      const status = JSON.parse(
        room.run(join(CHECKOUT, 'bin/fuseward'), 'status', '--json', room.target).stdout,
      );
      const {pid} = status.containment;
      expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toMatch(/marked|NODE_|LD_|NOTIFY|evil/);
      expect(/^SigIgn:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]).toMatch(
        /^0*1001000$/,
      );
      const record = `/run/fuseward/mounts/${status.connectionId}.json`;
      expect(statSync(record).mode & 0o022).toBe(0);
      expect(room.run('ls', room.target).stdout).toContain('struct.ts');
      expect(room.run('umount', room.target).code).toBe(0);
    });

    test('a block device by its label', () => {
      const device = run('losetup', ['--find', '--show', '--read-only', room.image]).trim();
      try {
        expect(room.run('mount', '-r', '-t', 'fuseward.ext4', 'LABEL=helped', room.target).code).toBe(0);
        expect(room.shown('SOURCE')).toBe(device);
        expect(room.run('umount', room.target).code).toBe(0);
      } finally {
        run('losetup', ['--detach', device]);
      }
    });

    test('a bind mount of it, and no remount', () => {
      expect(room.run('mount', '-r', '-t', 'fuseward.ext4', room.image, room.target).code).toBe(0);
      const other = join(room.dir, 'other');
      expect(room.run('mount', '--bind', room.target, other).code).toBe(0);
      expect(room.run('ls', other).stdout).toContain('struct.ts');
      expect(room.run('umount', other).code).toBe(0);
      expect(
        room.run('mount', '-t', 'fuseward.ext4', '-o', 'remount,noexec', room.image, room.target),
      ).toEqual({
        code: 1,
        stdout: '',
        stderr: `fuseward: can't mount with option "remount": only new mounts are made here\n`,
      });
      expect(room.shown('OPTIONS')).not.toContain('noexec');
      // Without the type the kernel changes the flags of the mount; the driver stays what it is. Where libfuse's own mount.fuse is installed, mount(8)
      // would run that, which knows no remount.
      expect(room.run('mount', '-i', '-o', 'remount,rw', room.target).code).toBe(0);
      expect(room.run('touch', join(room.target, 'new')).code).toBe(1);
      expect(room.run('mount', '-t', 'fuseward.ext4', room.image, room.target)).toMatchObject({code: 32});
      expect(room.run('umount', room.target).code).toBe(0);
    });

    const codes: Array<[what: string, args: string[], code: number]> = [
      ['an argument missing', ['IMAGE'], 1],
      ['an option that there is not', ['IMAGE', 'TARGET', '-Q'], 1],
      ['a type that is none', ['IMAGE', 'TARGET', '-t', 'fuseward.a/b'], 1],
      ['an ordinary user’s word for root’s device', ['IMAGE', 'TARGET', '-o', 'user_id=5'], 1],
      ['no such source', ['/no/such', 'TARGET', '-t', 'fuseward.ext4'], 32],
      ['no such target', ['IMAGE', '/no/such', '-t', 'fuseward.ext4'], 32],
      ['no driver', ['IMAGE', 'TARGET', '-t', 'fuseward.ntfs'], 32],
      ['another file system', ['ZERO', 'TARGET', '-t', 'fuseward.ext4'], 32],
    ];
    test.each(codes)('exit code: %s', (_what, args, code) => {
      const zero = join(room.dir, 'zero.img');
      writeFileSync(zero, Buffer.alloc(1 << 20));
      const names: Record<string, string> = {IMAGE: room.image, TARGET: room.target, ZERO: zero};
      const outcome = room.run(HELPER, ...args.map((arg) => names[arg] ?? arg));
      expect(outcome.stderr).toMatch(/^fuseward: /);
      expect(outcome.code).toBe(code);
    });

    test('exit code: no /dev/fuse is a system error', () => {
      const outcome = room.run(
        'unshare',
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs tmpfs /dev; mknod -m 666 /dev/null c 1 3; exec ${HELPER} ${room.image} ${room.target}`,
      );
      expect(outcome.code).toBe(2);
    });

    test('exit code: ended by a signal, with nothing left', async () => {
      mkdirSync(join(room.dir, 'signalled'));
      const [program, ...rest] = [...room.inside, HELPER, room.image, join(room.dir, 'signalled')];
      const child = spawn(program!, rest, {stdio: 'ignore'});
      const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
      // Its own code runs once it has opened the fuse device.
      const opened = () =>
        run('sh', ['-c', `ls -l /proc/${child.pid}/fd 2>/dev/null || :`]).includes('/dev/fuse');
      expect(await eventually(() => opened() || child.exitCode !== null, 10_000, 2)).toBe(true);
      child.kill('SIGTERM');
      const code = await ended;
      // It may have been done a moment before.
      if (code === 0) room.run('umount', join(room.dir, 'signalled'));
      else expect(code).toBe(8);
    });
  },
);
