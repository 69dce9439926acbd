import {spawnSync} from 'node:child_process';
import {copyFileSync, existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {CHECKOUT} from '../support/checkout.js';
import {
  cannotMakeDebian,
  type DebianRoot,
  makeDebian,
  NoMirrorError,
  removeDebian,
  SUITE,
} from '../support/scratch/debian-root.js';
import {readDockerfile, wordsOf} from '../support/scratch/dockerfile.js';
import {ImageBuild} from '../support/scratch/image-build.js';
import {Room} from '../support/scratch/room.js';
import {runCommand} from '../support/systemd/command.js';
import {type Bench, bench} from './command-support.js';

const missing = cannotMakeDebian();
/** Everything here downloads packages; a slow mirror is no failure. */
const LONG_MS = 600_000;
/** Taken away at the end with the system that it is installed in. */
const DEB = join(CHECKOUT, '.cache/scratch/deb');
const NO_FRONTEND = {DEBIAN_FRONTEND: 'noninteractive'};
const WITNESS = readFileSync(join(CHECKOUT, 'src/wire/field.ts'), 'utf8');

let place: Bench;
let debian: DebianRoot | undefined;
/** Why there is none although there could be. */
let unreachable: string | undefined;

/** Mounts the image in a room by a command line, reads a file of it, looks at its server, and unmounts. */
async function mountAndRead(room: Room, mount: readonly string[]): Promise<void> {
  copyFileSync(place.image, room.path('/tmp/disk.img'));
  await room.must(['mkdir', '-p', '/mnt']);
  expect(await room.run([...mount, '/tmp/disk.img', '/mnt'])).toMatchObject({status: 0, stderr: ''});
  expect((await room.run(['cat', '/mnt/field.ts'])).stdout).toBe(WITNESS);
  const status = await room.must(['fuseward', 'status', '/mnt', '--json']);
  const {containment} = JSON.parse(status) as {containment: {pid: number}};
  const proc = await room.must(['cat', `/proc/${containment.pid}/status`]);
  expect(proc).toMatch(/^CapEff:\s+0{16}$/m);
  expect(proc).toMatch(/^Seccomp:\s+2$/m);
  expect(proc).not.toMatch(/^Uid:\s+0\s/m);
  expect(await room.run(['fuseward', 'umount', '/mnt'])).toMatchObject({status: 0, stderr: ''});
  // The first process of this room lets what has ended lie about.
  const ended = `! kill -0 ${containment.pid} || grep '^State:.Z' /proc/${containment.pid}/status`;
  expect((await room.run(['sh', '-c', ended])).status).toBe(0);
}

/** What in a room has our name or leads to something that has. The group stays, as Debian leaves groups: its id must not become somebody else's. */
async function traces(room: Room): Promise<string> {
  return room.must(['find', '/', '-xdev', '-name', '*fuseward*', '-o', '-lname', '*fuseward*']);
}

describe.skipIf(missing !== undefined)(`Debian${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(async () => {
    place = bench();
    try {
      debian = await makeDebian();
    } catch (error) {
      if (!(error instanceof NoMirrorError)) throw error;
      unreachable = error.message;
    }
  }, LONG_MS);
  afterAll(() => {
    place.remove();
    removeDebian();
  });

  beforeEach(({skip}) => skip(unreachable !== undefined, unreachable));

  describe('the package, which lintian finds no error in', () => {
    let room: Room;
    let file: string;
    beforeAll(async () => {
      if (debian === undefined) return;
      const {status, stdout, stderr} = await runCommand(
        [process.execPath, join(CHECKOUT, 'scripts/package-deb.mjs'), DEB],
        {timeoutMs: LONG_MS},
      );
      expect([status, stdout + stderr]).toEqual([0, expect.stringContaining('made .cache/scratch/deb/')]);
      file = readdirSync(DEB).find((name) => name.endsWith('.deb'))!;
      room = await Room.open(debian.path, [[debian.archives, '/var/cache/apt/archives']]);
      copyFileSync(join(DEB, file), room.path(`/tmp/${file}`));
    }, LONG_MS);
    afterAll(() => room?.close());

    test('says what it depends on and for which processor it is', () => {
      const path = join(DEB, file);
      const fields = spawnSync('dpkg-deb', ['--field', path], {encoding: 'utf8'}).stdout;
      expect(fields).toMatch(/^Depends: .*\bbubblewrap\b.*\bnodejs \(>= 20\.19\)/m);
      expect(fields).toMatch(/^Architecture: (amd64|arm64)$/m);
    });

    test(`is installed on Debian ${SUITE} by apt, with what it depends on`, {timeout: LONG_MS}, async () => {
      await room.must(['apt-get', 'update', '-qq'], {timeoutMs: LONG_MS, env: NO_FRONTEND});
      // The smallest of the packages that can make its group. mount(8) is only recommended.
      const names = [`/tmp/${file}`, 'systemd-standalone-sysusers', 'mount'];
      await room.must(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...names], {
        timeoutMs: LONG_MS,
        env: NO_FRONTEND,
      });
      expect(await room.must(['dpkg', '--status', 'fuseward'])).toMatch(/^Status: install ok installed$/m);
      expect(await room.must(['getent', 'group', 'fuseward'])).toMatch(/^fuseward:/);
      for (const name of [
        '/usr/share/man/man8/fuseward.8.gz',
        '/usr/lib/systemd/system/fuseward.service',
        '/usr/lib/tmpfiles.d/fuseward.conf',
      ]) {
        expect(existsSync(room.path(name)), name).toBe(true);
      }
      expect((await room.run(['fuseward', 'install'])).stderr).toContain(
        'a system package has put them in place already',
      );
    });

    test('mounts an image there by mount(8), through a contained server', {timeout: LONG_MS}, async () => {
      await mountAndRead(room, ['mount', '-t', 'fuseward.ext4', '-o', 'ro']);
    });

    test('has a manager that starts and sees a mount', {timeout: LONG_MS}, async () => {
      await room.must(['sh', '-c', 'fuseward daemon >/tmp/daemon.log 2>&1 & echo $! >/tmp/daemon.pid']);
      await room.must([
        'sh',
        '-c',
        'for i in $(seq 100); do [ -S /run/fuseward/admin.sock ] && exit; sleep 0.1; done; cat /tmp/daemon.log; exit 1',
      ]);
      await room.must(['fuseward', 'mount', '-t', 'ext4', '/tmp/disk.img', '/mnt']);
      // It looks at the machine's mounts first, if it has just started.
      const look =
        'for i in $(seq 100); do fuseward ls | tee /tmp/ls | grep -q /mnt && break; sleep 0.1; done; cat /tmp/ls';
      expect(await room.must(['sh', '-c', look])).toMatch(/^\s*\d+\s+\/mnt\s/m);
      await room.must(['fuseward', 'umount', '/mnt']);
      await room.must(['sh', '-c', 'kill $(cat /tmp/daemon.pid)']);
    });

    test("keeps an administrator's policy over an upgrade and a removal, and a purge leaves nothing", {
      timeout: LONG_MS,
    }, async () => {
      const policy = '/etc/fuseward/policy.d/defaults.toml';
      await room.must(['sh', '-c', `echo 'loop = "never"' >> ${policy}`]);
      await room.must(['dpkg', '--install', `/tmp/${file}`], {env: NO_FRONTEND});
      expect(await room.must(['tail', '-n', '1', policy])).toBe('loop = "never"\n');
      await room.must(['mkdir', '-p', '/etc/systemd/system/sockets.target.wants']);
      const enabled = '/etc/systemd/system/sockets.target.wants/fuseward.socket';
      await room.must(['ln', '-s', '/usr/lib/systemd/system/fuseward.socket', enabled]);
      expect(await traces(room)).toContain(`${enabled}\n`);
      await room.must(['dpkg', '--remove', 'fuseward'], {env: NO_FRONTEND});
      expect(await room.must(['tail', '-n', '1', policy])).toBe('loop = "never"\n');
      await room.must(['dpkg', '--purge', 'fuseward'], {env: NO_FRONTEND});
      expect(await traces(room)).toBe('');
    });
  });

  describe('the container image, step by step without a container engine', () => {
    let build: ImageBuild;
    beforeAll(async () => {
      if (debian === undefined) return;
      build = new ImageBuild(debian);
      await build.run();
    }, LONG_MS);
    afterAll(() => build?.close());

    /** What Docker gives a container unless told (its reference, "Runtime privilege and Linux capabilities"), and what ours adds. */
    const CAPABILITIES = [
      ...['audit_write', 'chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'mknod', 'net_bind_service'],
      ...['net_raw', 'setfcap', 'setgid', 'setpcap', 'setuid', 'sys_chroot'],
      ...['sys_admin', 'sys_ptrace'],
    ];
    const manager = readDockerfile().find(({name}) => name === 'manager')!;

    test('mounts an image through a contained server, with the capabilities that the Dockerfile names', {
      timeout: LONG_MS,
    }, async () => {
      const added = [...readFileSync(join(CHECKOUT, 'Dockerfile'), 'utf8').matchAll(/--cap-add (\w+)/g)];
      expect(added.map(([, name]) => name!.toLowerCase())).toEqual(CAPABILITIES.slice(-2));
      const bounding = ['-all', ...CAPABILITIES.map((name) => `+${name}`)].join(',');
      const asContainer = ['setpriv', '--inh-caps', '-all', '--bounding-set', bounding];
      const command = [...asContainer, ...wordsOf(manager, 'ENTRYPOINT'), 'mount', '-t', 'ext4'];
      await mountAndRead(build.room('manager'), command);
    });

    test('its manager is healthy when it runs, and not when it does not', {timeout: LONG_MS}, async () => {
      const room = build.room('manager');
      const health = wordsOf(manager, 'HEALTHCHECK');
      expect((await room.run(health)).status).toBe(1);
      const command = [...wordsOf(manager, 'ENTRYPOINT'), ...wordsOf(manager, 'CMD')].join(' ');
      await room.must(['sh', '-c', `${command} >/tmp/daemon.log 2>&1 & echo $! >/tmp/daemon.pid`]);
      await room.must([
        'sh',
        '-c',
        `for i in $(seq 100); do ${health.join(' ')} 2>/dev/null && exit; sleep 0.1; done; cat /tmp/daemon.log; exit 1`,
      ]);
      await room.must(['sh', '-c', 'kill $(cat /tmp/daemon.pid)']);
    });

    test('has nothing of what built it', async () => {
      const room = build.room('manager');
      expect((await room.run(['sh', '-c', 'command -v npm tsc'])).stdout).toBe('');
      const kilobytes = Number((await room.must(['du', '-sk', '/usr/lib/fuseward'])).split('\t')[0]);
      expect(kilobytes).toBeLessThan(10_000);
    });
  });
});
