import {existsSync, readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {cannotContain} from '../support/contained-mount.js';
import {
  addDropIn,
  cannotRunSystemd,
  installUnits,
  removeDropIn,
  type Systemd,
  startSystemd,
} from '../support/systemd/index.js';
import {loopFiles, mainPid, makeImage, mount, statusLine, units, until} from './systemd-support.js';

const missing = cannotRunSystemd() ?? cannotContain();
const SERVERS = 'fuseward-ext4@*.service';

describe.skipIf(missing !== undefined)(
  `servers that systemd starts${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let systemd: Systemd;
    beforeAll(async () => {
      systemd = await startSystemd();
      await installUnits(systemd);
      await makeImage(systemd, '/images/one.img');
      await systemd.ok(['systemctl', 'start', 'fuseward-ext4.socket', 'fuseward-server@raw.socket']);
    });
    afterAll(() => systemd?.stop());

    /** Nothing is left of any mount. */
    const nothingLeft = async (): Promise<void> => {
      await until(
        'servers',
        () => units(systemd, 'fuseward-*@*.service'),
        (names) => names.length === 0,
      );
      await until(
        'loop devices',
        () => loopFiles(systemd, '/images/'),
        (files) => files.length === 0,
      );
      expect(await units(systemd, '*', 'failed')).toEqual([]);
      expect(readFileSync(systemd.path('/proc/1/mounts'), 'utf8')).not.toMatch(/ fuse\./);
    };
    afterEach(async () => {
      try {
        await nothingLeft();
      } finally {
        // What a failed test has left is not the next one's.
        await systemd.run(['umount', '--lazy', '--all', '--types', 'fuse.ext4,fuse.raw']);
        await systemd.systemctl('stop', 'fuseward-*@*.service');
        await systemd.systemctl('reset-failed');
      }
    });

    test('systemd finds nothing wrong with the units', async () => {
      const names = ['fuseward.service', 'fuseward.socket', 'fuseward-mount.socket', 'fuseward-ext4.socket'];
      const templates = ['fuseward-ext4@.service', 'fuseward-server@.service', 'fuseward-server@raw.socket'];
      const {status, stdout, stderr} = await systemd.run([
        'systemd-analyze',
        'verify',
        ...names,
        ...templates,
      ]);
      expect({status, stdout, stderr}).toEqual({status: 0, stdout: '', stderr: ''});
    });

    // Tenths, as systemd-analyze takes and shows them: what a unit is open to, from 0 to 10.
    test.each([
      ['fuseward-ext4@.service', 0.5],
      ['fuseward-server@.service', 0.5],
      ['fuseward.service', 5.0],
    ])('%s is exposed to no more than %d', async (unit, most) => {
      const path = `/etc/systemd/system/${unit}`;
      const command = ['systemd-analyze', 'security', '--offline=true', '--no-pager', path];
      const {stdout} = await systemd.run(command);
      const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1] ?? NaN);
      expect(exposure, stdout.replaceAll(/^✓.*\n/gm, '')).toBeLessThanOrEqual(most);
    });

    test('mount(8) mounts, files are read, the server is nobody and holds nothing, umount(8) leaves nothing', async () => {
      await mount(systemd, '/images/one.img', '/mnt/one');
      expect(await systemd.ok(['cat', '/mnt/one/file1'])).toBe('/images/one.img 1');
      const [unit, ...others] = await units(systemd, SERVERS);
      expect(others).toEqual([]);
      const pid = await mainPid(systemd, unit!);
      const uids = statusLine(systemd, pid, 'Uid').split('\t').map(Number);
      for (const uid of uids) {
        expect(uid).toBeGreaterThanOrEqual(61184);
        expect(uid).toBeLessThanOrEqual(65519);
      }
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        expect(statusLine(systemd, pid, set)).toBe('0000000000000000');
      }
      expect(statusLine(systemd, pid, 'NoNewPrivs')).toBe('1');
      for (const thread of readdirSync(systemd.path(`/proc/${pid}/task`))) {
        const status = readFileSync(systemd.path(`/proc/${pid}/task/${thread}/status`), 'utf8');
        expect(status).toMatch(/^Seccomp:\s*2$/m);
      }
      const shared = readdirSync(systemd.path(`/proc/${pid}/ns`)).filter((name) => {
        const [own, first] = [pid, 1].map((each) => readlinkSync(systemd.path(`/proc/${each}/ns/${name}`)));
        return own === first;
      });
      // systemd 252 has no namespaces of these kinds for services.
      expect(shared.sort()).toEqual(['cgroup', 'pid', 'pid_for_children', 'time', 'time_for_children']);
      expect(readFileSync(systemd.path(`/proc/${pid}/oom_score_adj`), 'utf8')).toBe('500\n');
      await systemd.ok(['umount', '/mnt/one']);
      expect(await systemd.journal(unit!)).not.toMatch(/"level":[45]0/);
    });

    test('a server sees the runtime and its own program of the machine, and nothing that tells about it', async () => {
      await mount(systemd, '/images/one.img', '/mnt/one');
      const pid = await mainPid(systemd, (await units(systemd, SERVERS))[0]!);
      const root = systemd.path(`/proc/${pid}/root`);
      expect(existsSync(`${root}/usr/bin/node`)).toBe(true);
      const hidden = [
        '/etc/passwd',
        '/etc/machine-id',
        '/images',
        '/home',
        '/var/log',
        '/usr/bin/sh',
        '/bin/sh',
      ];
      const more = ['/run/fuseward', '/run/systemd/private', '/proc/sys', '/usr/lib/fuseward/src'];
      expect([...hidden, ...more].filter((path) => existsSync(root + path))).toEqual([]);
      await systemd.ok(['umount', '/mnt/one']);
    });

    test('one service for all other types serves what the mount helper asks for', async () => {
      await systemd.ok(['touch', '/mnt/raw']);
      await systemd.ok(['fuseward', 'mount', '-t', 'raw', '/images/one.img', '/mnt/raw']);
      expect(await units(systemd, 'fuseward-server@*.service')).toHaveLength(1);
      await systemd.ok(['cmp', '/images/one.img', '/mnt/raw']);
      await systemd.ok(['umount', '/mnt/raw']);
    });

    test('ten at once have a server each', async () => {
      const numbers = Array.from({length: 10}, (_, index) => index);
      await Promise.all(
        numbers.map((number) => systemd.ok(['cp', '/images/one.img', `/images/copy${number}.img`])),
      );
      await Promise.all(
        numbers.map((number) => mount(systemd, `/images/copy${number}.img`, `/mnt/copy${number}`)),
      );
      for (const number of numbers) {
        expect(await systemd.ok(['cat', `/mnt/copy${number}/file1`])).toBe('/images/one.img 1');
      }
      const names = await units(systemd, SERVERS, 'running');
      expect(names).toHaveLength(10);
      const pids = await Promise.all(names.map((name) => mainPid(systemd, name)));
      // Each is a user of its own: none can signal or look at another.
      expect(new Set(pids.map((pid) => statusLine(systemd, pid, 'Uid'))).size).toBe(10);
      await Promise.all(numbers.map((number) => systemd.ok(['umount', `/mnt/copy${number}`])));
    });

    test('a line of fstab with an automount is mounted when somebody comes', async () => {
      const line = '/images/one.img /mnt/fstab fuseward.ext4 ro,nofail,x-systemd.automount 0 0\n';
      await systemd.ok(['tee', '/etc/fstab'], {input: line});
      await systemd.ok(['systemctl', 'daemon-reload']);
      await systemd.ok(['systemctl', 'start', 'remote-fs.target', 'mnt-fstab.automount']);
      expect(await units(systemd, SERVERS)).toEqual([]);
      expect(await systemd.ok(['cat', '/mnt/fstab/file1'])).toBe('/images/one.img 1');
      expect(await units(systemd, SERVERS, 'running')).toHaveLength(1);
      expect(await units(systemd, 'mnt-fstab.mount', 'mounted')).toHaveLength(1);
      await systemd.ok(['systemctl', 'stop', 'mnt-fstab.automount', 'mnt-fstab.mount']);
      await systemd.ok(['tee', '/etc/fstab']);
      await systemd.ok(['systemctl', 'daemon-reload']);
    });

    test('a mount that fails leaves nothing, and its reason in the journal', async () => {
      await systemd.ok(['sh', '-c', 'mkdir -p /mnt/bad && truncate -s 1M /images/bad.img']);
      const {status, stderr} = await systemd.run([
        'mount',
        '-t',
        'fuseward.ext4',
        '/images/bad.img',
        '/mnt/bad',
      ]);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/can't mount \/images\/bad\.img/);
      await nothingLeft();
      expect(await systemd.journal(SERVERS)).toMatch(/the mount failed/);
    });

    test('hardened: no memory of a server can be made executable', async () => {
      const directory = '/etc/systemd/system/fuseward-ext4@.service.d';
      const example = '/usr/lib/fuseward/units/fuseward-ext4@.service.d/hardened.conf.example';
      await systemd.ok(['mkdir', '-p', directory]);
      const writable = async (): Promise<string[]> => {
        await systemd.ok(['systemctl', 'daemon-reload']);
        await mount(systemd, '/images/one.img', '/mnt/one');
        expect(await systemd.ok(['cat', '/mnt/one/file1'])).toBe('/images/one.img 1');
        const pid = await mainPid(systemd, (await units(systemd, SERVERS))[0]!);
        const maps = readFileSync(systemd.path(`/proc/${pid}/maps`), 'utf8');
        await systemd.ok(['umount', '/mnt/one']);
        await nothingLeft();
        return maps.split('\n').filter((line) => /^\S+ rwx/.test(line));
      };
      expect(await writable()).not.toEqual([]);
      await systemd.ok(['cp', example, `${directory}/hardened.conf`]);
      expect(await writable()).toEqual([]);
      const path = '/etc/systemd/system/fuseward-ext4@.service';
      const exposure = await systemd.run(['systemd-analyze', 'security', '--offline=true', path]);
      expect(exposure.stdout).toMatch(/✓ MemoryDenyWriteExecute=/);
      await systemd.ok(['rm', '-r', directory]);
      await systemd.ok(['systemctl', 'daemon-reload']);
    });

    test('memory and tasks are what policy says, once its drop-ins are written', async () => {
      const policy = '[server]\nmemory_bytes = 536870912\ntasks = 24\n';
      await systemd.ok(['mkdir', '-p', '/etc/fuseward/policy.d']);
      await systemd.ok(['tee', '/etc/fuseward/policy.d/ext4.toml'], {input: policy});
      await systemd.ok(['fuseward', 'policy', 'units', '--write', '/etc/systemd/system']);
      await systemd.ok(['systemctl', 'daemon-reload']);
      await mount(systemd, '/images/one.img', '/mnt/one');
      const [unit] = await units(systemd, SERVERS);
      expect(await systemd.property(unit!, 'MemoryMax')).toBe('536870912');
      expect(await systemd.property(unit!, 'TasksMax')).toBe('24');
      const limits = readFileSync(systemd.path(`/proc/${await mainPid(systemd, unit!)}/limits`), 'utf8');
      expect(limits).toMatch(/^Max data size +536870912 /m);
      expect(limits).toMatch(/^Max processes +24 /m);
      await systemd.ok(['umount', '/mnt/one']);
    });

    test('no more mounts than MaxConnections', async () => {
      await addDropIn(systemd, 'fuseward-ext4.socket', '[Socket]\nMaxConnections=1\n');
      await systemd.ok(['systemctl', 'restart', 'fuseward-ext4.socket']);
      await systemd.ok(['cp', '/images/one.img', '/images/two.img']);
      await mount(systemd, '/images/one.img', '/mnt/one');
      await expect(mount(systemd, '/images/two.img', '/mnt/two')).rejects.toThrow(/can't mount/);
      expect(await systemd.ok(['cat', '/mnt/one/file1'])).toBe('/images/one.img 1');
      await systemd.ok(['umount', '/mnt/one']);
      await until(
        'servers',
        () => units(systemd, SERVERS),
        (names) => names.length === 0,
      );
      await mount(systemd, '/images/two.img', '/mnt/two');
      await systemd.ok(['umount', '/mnt/two']);
      await removeDropIn(systemd, 'fuseward-ext4.socket');
      await systemd.ok(['systemctl', 'restart', 'fuseward-ext4.socket']);
    });
  },
);
