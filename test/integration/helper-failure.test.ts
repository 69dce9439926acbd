import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {readFileSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {describe, test} from 'vitest';
import {mount} from '../../src/helper/mount.js';
import {DEFAULT_MOUNT_POLICY, type MountPolicy} from '../../src/helper/mount-policy.js';
import type {MountDependencies, MountRequest} from '../../src/helper/mount-request.js';
import {O_RDWR} from '../../src/sys/fd.js';
import {MS_REMOUNT} from '../../src/sys/mount-flags.js';
import {mountAtPath} from '../../src/sys/mount-info.js';
import {type Expected, fails} from './helper-expected.js';
import type {FakeScript} from './helper-fake-server.js';
import {withFakeServers} from './helper-fixture.js';
import {ALLOWED, type FakeServers, missingForMounts, type Playground, request} from './helper-support.js';

const missing = missingForMounts();

describe.skipIf(missing !== undefined)(`helper failures${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let place: Playground;
  let servers: FakeServers;

  withFakeServers((fresh) => {
    ({place, servers} = fresh);
  });

  const never: MountDependencies = {
    policy: DEFAULT_MOUNT_POLICY,
    decide: () => ALLOWED,
    connect: () => assert.fail('no server should have been started'),
  };

  type Arrange = (place: Playground) => Partial<MountRequest>;
  const early: Array<[what: string, arrange: Arrange, expected: Expected, policy?: Partial<MountPolicy>]> = [
    [
      'a missing source',
      ({dir}) => ({source: join(dir, 'none')}),
      {
        code: 'source-missing',
        errno: 'ENOENT',
        message: /^can't mount .*\/none: there is no such file or device$/,
      },
    ],
    [
      'a source behind a file',
      ({image}) => ({source: join(image, 'x')}),
      {code: 'source-missing', errno: 'ENOTDIR', message: /disk\.img\/x: there is no such file/},
    ],
    [
      'a directory as source',
      ({dir}) => ({source: dir}),
      {
        code: 'source-kind',
        errno: 'EISDIR',
        message: /: it is a directory, not an image file or a block device; types for directories/,
      },
    ],
    [
      'a FIFO as source, without waiting for a writer',
      ({dir}) => {
        spawnSync('mkfifo', [join(dir, 'fifo')]);
        return {source: join(dir, 'fifo')};
      },
      {code: 'source-kind', errno: 'ENOTBLK', message: /\/fifo: it is a FIFO/},
    ],
    [
      'a character device as source',
      () => ({source: '/dev/zero'}),
      {code: 'source-kind', errno: 'ENOTBLK', message: /^can't mount \/dev\/zero: it is a character device/},
    ],
    [
      'a missing target',
      ({dir}) => ({target: join(dir, 'none')}),
      {
        code: 'target-missing',
        errno: 'ENOENT',
        message: /^can't mount on .*\/none: there is no such directory or file$/,
      },
    ],
    [
      'a target behind a dangling link',
      ({dir}) => {
        symlinkSync(join(dir, 'none'), join(dir, 'link'));
        return {target: join(dir, 'link')};
      },
      {code: 'target-missing', errno: 'ENOENT', message: /\/link: there is no such/},
    ],
    [
      'a device as target',
      () => ({target: '/dev/zero'}),
      {
        code: 'target-kind',
        errno: 'EACCES',
        message: /^can't mount on \/dev\/zero: it is neither a directory nor a/,
      },
    ],
    [
      'a mount of another kind on the target',
      () => ({target: '/proc'}),
      {
        code: 'target-busy',
        errno: 'EBUSY',
        message: /^can't mount on \/proc: it is already busy with another mount$/,
      },
    ],
    [
      'the root as target',
      () => ({target: '/'}),
      {code: 'target-busy', errno: 'EBUSY', message: /^can't mount on \/: it is already busy/},
    ],
    [
      'the source as its own target',
      ({image}) => ({target: image}),
      {code: 'target-kind', errno: 'EINVAL', message: /disk\.img: it is the source itself$/},
    ],
    [
      'a caller who is not root',
      () => ({callerUid: 1000}),
      {code: 'not-root', errno: 'EPERM', message: /^can't mount .* on .*: only root may mount$/},
    ],
    [
      'a type with a slash',
      () => ({type: '../ext4'}),
      {code: 'bad-type', errno: 'EINVAL', message: /"\.\.\/ext4": that is no file system type$/},
    ],
    [
      "an option that is the helper's own",
      () => ({options: ['ro,fd=3']}),
      {
        code: 'bad-option',
        errno: 'EINVAL',
        message: /^can't mount with option "fd": it is set by the mount helper/,
      },
    ],
    [
      'iomap required on a kernel without',
      () => ({}),
      {
        code: 'no-iomap',
        message: /policy requires iomap, but (this kernel has no fuse-iomap|the kernel refuses it)$/,
      },
      {iomap: 'require'},
    ],
  ];
  for (const [what, arrange, expected, policy] of early) {
    test(`${what} is told before a server is started`, async () => {
      const deps = {...never, policy: {...never.policy, ...policy}};
      await fails(mount(request(place, arrange(place)), deps), expected);
    });
  }

  test('a missing /dev/fuse is told', async () => {
    await fails(mount(request(place), {...never, fuseDevice: join(place.dir, 'fuse')}), {
      code: 'no-fuse',
      errno: 'ENOENT',
      message: /there is no .*\/fuse: this kernel has no FUSE, or its module is not loaded/,
    });
  });

  test('no driver for the type is exit code 2', async () => {
    const deps = {...never, connect: () => undefined};
    await fails(mount(request(place, {type: 'fuse.hfs'}), deps), {
      code: 'no-driver',
      exitCode: 2,
      message: /^can't mount .*disk\.img on .*mnt: there is no safe file system driver for hfs$/,
    });
  });

  test('a server that can not be started is told', async () => {
    const deps = {
      ...never,
      connect: () => {
        throw new Error('bwrap: no such file');
      },
    };
    await fails(mount(request(place), deps), {
      code: 'connect',
      message: /the server can't be reached: bwrap: no such file$/,
    });
  });

  const deaths: Array<NonNullable<FakeScript['dieAt']>> = [
    'hello',
    'arguments',
    'open',
    'before-mount',
    'after-mount',
    'after-goodbye',
  ];
  for (const kind of ['embedded', 'socket'] as const) {
    for (const dieAt of deaths) {
      test(`a server (${kind}) that is killed at ${dieAt} leaves nothing`, async () => {
        await fails(mount(request(place), servers.deps({dieAt}, {kind})), {
          code: 'server-died',
          message: /the server (exited without saying goodbye|died before the mount worked)/,
        });
        assert.equal(mountAtPath(place.target), undefined);
      });
    }
    for (const hangAt of ['hello', 'before-mount', 'after-goodbye'] as const) {
      test(`a server (${kind}) that hangs at ${hangAt} is cut off at the deadline`, async () => {
        const deps = servers.deps({hangAt}, {kind, policy: {deadlineMs: 700}});
        const message = /the server did not (finish|answer the first stat) in time/;
        await fails(mount(request(place), deps), {code: 'deadline', errno: 'ETIMEDOUT', message});
        // A service is not ours to kill; the test ends it.
        if (kind === 'socket') for (const child of servers.children) child.kill('SIGKILL');
      });
    }
  }

  test("the server's own reason is told, cleaned and labelled", async () => {
    const hostile = `bad \u001b[31mmagic\u0007\n\u202e in group 3 ${'x'.repeat(2000)}`;
    const failure = {errno: 'EUCLEAN', code: 'group-magic', message: hostile};
    const error = await fails(mount(request(place), servers.deps({exitCode: 32, failure})), {
      code: 'server-refused',
      errno: 'EUCLEAN',
      message: /: the server says: bad \[31mmagic in group 3 x+… \(EUCLEAN\)$/,
    });
    assert.ok(error.message.length < 800);
    assert.equal((error.details['server'] as {code: string}).code, 'group-magic');
    assert.equal(error.details['serverExitCode'], 32);
  });

  for (const withoutType of [false, true]) {
    test(`a failure after the mount takes it away (${withoutType ? 'mount(2)' : 'fsmount(2)'})`, async () => {
      // The server ends by itself, because its device does.
      const deps = servers.deps({lateExitCode: 3, withoutType}, {kind: 'socket'});
      await fails(mount(request(place), deps), {code: 'server-refused', message: /with exit code 3$/});
    });
  }

  test('an exit code without a reason is told', async () => {
    await fails(mount(request(place), servers.deps({exitCode: 7, plain: true})), {
      code: 'server-refused',
      message: /: the server failed with exit code 7$/,
    });
  });

  test('what the server logged is kept for whoever asks', async () => {
    const error = await fails(mount(request(place), servers.deps({exitCode: 1})), {
      code: 'server-refused',
      message: /exit code 1/,
    });
    assert.match(String(error.details['serverLog']), /"extended":true/);
  });

  const refused: Array<[what: string, script: FakeScript, answer: RegExp, more?: Partial<MountRequest>]> = [
    ['a descriptor option', {options: 'default_permissions,fd=0'}, /OPTS .*invalid argument/],
    ['an owner option', {options: 'user_id=1000'}, /OPTS .*invalid argument/],
    ['a label option', {options: 'context=system_u:object_r:etc_t:s0'}, /OPTS .*invalid argument/],
    ["a source that is not the caller's", {sourceName: '/dev/sda1'}, /NAME .*permission denied/],
    ['a source with control characters', {sourceName: 'a\u001b[2J'}, /NAME .*invalid argument/],
    ['another mount point', {mountPoint: '/etc'}, /MNTP .*invalid argument/],
    ['a file where the target is a directory', {expected: 'file'}, /MNTP .*on a directory/],
    ['a remount', {msFlags: MS_REMOUNT}, /DOIT: invalid argument/],
    ['fuseblk against policy', {fuseblk: true}, /TYPE: operation not permitted/],
    ['to write to a read-only mount', {openFlags: O_RDWR}, /EROFS/, {options: ['ro']}],
    ['to truncate the image', {openFlags: O_RDWR | 0o1000}, /EINVAL/],
    ['to create a file', {openFlags: 0o100}, /EINVAL/],
  ];
  for (const [what, script, answer, more] of refused) {
    test(`a server is refused ${what}`, async () => {
      const content = readFileSync(place.image);
      await assert.rejects(mount(request(place, more), servers.deps(script)), {
        name: 'MountError',
        exitCode: 1,
      });
      assert.match(servers.output, answer);
      assert.deepEqual(readFileSync(place.image), content);
    });
  }

  test("the kernel's refusal is told in its own words", async () => {
    // blksize is for fuseblk; plain fuse knows the name but refuses it.
    await fails(mount(request(place), servers.deps({options: 'blksize=4096'})), {
      code: 'kernel',
      errno: 'EINVAL',
      message: /: the kernel refused in fsconfig\(blksize\): invalid argument \(EINVAL\)/,
    });
  });
});
