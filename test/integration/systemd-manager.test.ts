import {readFileSync, readlinkSync} from 'node:fs';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {cannotContain} from '../support/contained-mount.js';
import {
  addDropIn,
  cannotRunSystemd,
  installUnits,
  type Systemd,
  startSystemd,
} from '../support/systemd/index.js';
import {mainPid, makeImage, mount, units, until} from './systemd-support.js';

const missing = cannotRunSystemd() ?? cannotContain();
const MANAGER = 'fuseward.service';

interface Event {
  id: number;
  event: string;
  target: string | null;
  details: Record<string, unknown>;
}

describe.skipIf(missing !== undefined)(
  `the manager as a service${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let systemd: Systemd;
    beforeAll(async () => {
      systemd = await startSystemd();
      await installUnits(systemd);
      await makeImage(systemd, '/images/one.img');
      await makeImage(systemd, '/images/two.img', 3000);
      const text = '[Service]\nWatchdogSec=5s\nTimeoutAbortSec=1s\nRestartSec=3s\n';
      await addDropIn(systemd, MANAGER, text);
      const sockets = ['fuseward.socket', 'fuseward-mount.socket', 'fuseward-ext4.socket'];
      await systemd.ok(['systemctl', 'start', ...sockets]);
    });
    afterAll(() => systemd?.stop());
    afterEach(async () => {
      await systemd.run(['umount', '--lazy', '--all', '--types', 'fuse.ext4']);
      expect(await units(systemd, '*', 'failed')).toEqual([]);
    });

    const fuseward = (...args: string[]): Promise<string> => systemd.ok(['fuseward', ...args]);

    /** The events so far, after an id. */
    const events = async (since = 0): Promise<Event[]> => {
      const url = `http://fuseward/v1/events?since=${since}`;
      const curl = [
        'curl',
        '--silent',
        '--max-time',
        '0.5',
        '--unix-socket',
        '/run/fuseward/admin.sock',
        url,
      ];
      const {stdout} = await systemd.run(curl);
      return [...stdout.matchAll(/^data: (\{.*\})$/gm)].map(([, json]) => JSON.parse(json!));
    };

    /** Waits for another process in the place of the manager. */
    const restarted = (before: number): Promise<number> =>
      until(
        'the manager',
        async () => ((await units(systemd, MANAGER, 'running')).length === 1 ? mainPid(systemd, MANAGER) : 0),
        (pid) => pid !== 0 && pid !== before,
      );

    test('is started by whoever asks it something, and mounts where everybody sees it', async () => {
      expect(await units(systemd, MANAGER, 'running')).toEqual([]);
      expect(await fuseward('ls')).toMatch(/^ID /);
      await until(
        'the manager',
        () => systemd.property(MANAGER, 'ActiveState'),
        (state) => state === 'active',
      );
      const pid = await mainPid(systemd, MANAGER);
      expect(await systemd.property(MANAGER, 'StatusText')).toBe(
        'Watching 0 FUSE mounts, 0 of them contained',
      );
      const [own, first] = [pid, 1].map((each) => readlinkSync(systemd.path(`/proc/${each}/ns/mnt`)));
      expect(own).toBe(first);
    });

    test('looks at and orders about servers that systemd started', async () => {
      await mount(systemd, '/images/one.img', '/mnt/one');
      expect(await fuseward('ls')).toMatch(/\/mnt\/one +\/images\/one\.img +fuse\.ext4 +ok/);
      const status = JSON.parse(await fuseward('status', '/mnt/one', '--json'));
      expect(JSON.stringify(status)).toMatch(/fuseward-ext4@[^"]*\.service/);
      await systemd.ok(['ls', '/mnt/one']);
      expect(await fuseward('stats', '/mnt/one')).toMatch(/READDIRPLUS/);
      expect(await fuseward('cache', '/mnt/one', '--drop')).toMatch(/^held +0 +0 +0$/m);
      await fuseward('umount', '/mnt/one');
    });

    test('a restart leaves mounts alone, and events go on', async () => {
      await mount(systemd, '/images/one.img', '/mnt/one');
      const before = await until('events', events, (list) =>
        list.some(({event, target}) => event === 'mounted' && target === '/mnt/one'),
      );
      const last = before.at(-1)!.id;
      const pid = await mainPid(systemd, MANAGER);
      await systemd.ok(['systemctl', 'restart', MANAGER]);
      expect(await mainPid(systemd, MANAGER)).not.toBe(pid);
      expect(await systemd.ok(['cat', '/mnt/one/file1'])).toBe('/images/one.img 1');
      expect(await fuseward('ls')).toMatch(/\/mnt\/one .* ok/);
      expect((await events()).slice(0, before.length)).toEqual(before);
      await systemd.ok(['umount', '/mnt/one']);
      const after = await until(
        'events',
        () => events(last),
        (list) => list.length > 0,
      );
      expect(after.map(({id, event}) => [id, event])).toContainEqual([last + 1, 'unmounted']);
    });

    test('what is announced while it is being started again is not lost', async () => {
      const policy = '[[allow]]\nusers = ["root"]\nsources = ["/elsewhere/**"]\ntargets = ["**"]\n';
      await systemd.ok(['mkdir', '-p', '/etc/fuseward/policy.d']);
      await systemd.ok(['tee', '/etc/fuseward/policy.d/raw.toml'], {input: policy});
      const last = (await events()).at(-1)?.id ?? 0;
      const pid = await mainPid(systemd, MANAGER);
      await systemd.ok(['systemctl', 'kill', '--kill-whom=main', '--signal=KILL', MANAGER]);
      await until(
        'the manager',
        () => systemd.property(MANAGER, 'SubState'),
        (state) => state === 'auto-restart',
      );
      const forbidden = ['fuseward', 'mount', '-t', 'raw', '/images/one.img', '/mnt/one'];
      expect((await systemd.run(forbidden)).stderr).toMatch(/policy denies it/);
      expect(await systemd.property(MANAGER, 'SubState')).toBe('auto-restart');
      await restarted(pid);
      const after = await until(
        'events',
        () => events(last),
        (list) => list.length > 0,
      );
      expect(after).toMatchObject([{id: last + 1, event: 'denied', details: {target: '/mnt/one'}}]);
    });

    test('one that stands still is killed and started again, and mounts live', async () => {
      await mount(systemd, '/images/one.img', '/mnt/one');
      const pid = await mainPid(systemd, MANAGER);
      await systemd.ok(['kill', '-STOP', String(pid)]);
      expect(await systemd.ok(['cat', '/mnt/one/file1'])).toBe('/images/one.img 1');
      await restarted(pid);
      expect(await systemd.journal(MANAGER)).toMatch(/Watchdog timeout/);
      expect(await fuseward('ls')).toMatch(/\/mnt\/one .* ok/);
      expect(await systemd.ok(['ls', '/mnt/one'])).toMatch(/file1/);
      await until(
        'the status',
        () => systemd.property(MANAGER, 'StatusText'),
        (text) => text === 'Watching 1 FUSE mounts, 1 of them contained',
      );
      await fuseward('umount', '/mnt/one');
    });

    test('one that works is not killed by its watchdog', async () => {
      const pid = await mainPid(systemd, MANAGER);
      // More than WatchdogSec=.
      await new Promise((resolve) => setTimeout(resolve, 6_000));
      expect(await mainPid(systemd, MANAGER)).toBe(pid);
    });

    test('a server over its memory limit ends itself, and its mount is taken away', async () => {
      await mount(systemd, '/images/two.img', '/mnt/two');
      const pid = await mainPid(systemd, MANAGER);
      const [server] = await units(systemd, 'fuseward-ext4@*.service');
      const serverPid = await mainPid(systemd, server!);
      const used = Number(
        /^VmData:\s*(\d+)/m.exec(readFileSync(systemd.path(`/proc/${serverPid}/status`), 'utf8'))![1],
      );
      await systemd.ok(['prlimit', `--pid=${serverPid}`, `--data=${used * 1024 + 65_536}`]);
      await systemd.run(['sh', '-c', 'ls -lR /mnt/two && cat /mnt/two/* /mnt/two/*']);
      await until(
        'the server',
        () => units(systemd, 'fuseward-ext4@*.service'),
        (names) => names.length === 0,
      );
      await until(
        'the mount',
        async () => readFileSync(systemd.path('/proc/1/mounts'), 'utf8'),
        (text) => !text.includes('/mnt/two'),
      );
      expect(await mainPid(systemd, MANAGER)).toBe(pid);
      expect((await events()).map(({event, target}) => [event, target])).toContainEqual([
        'server-died',
        '/mnt/two',
      ]);
    });

    test('who goes first when memory is short: servers; who stays: the manager, but not at any price', async () => {
      const score = async (unit: string): Promise<number> =>
        Number(await systemd.property(unit, 'OOMScoreAdjust'));
      const manager = await score(MANAGER);
      expect(manager).toBeLessThan(0);
      expect(manager).toBeGreaterThan(-1000);
      expect(await systemd.property(MANAGER, 'OOMPolicy')).toBe('continue');
      await mount(systemd, '/images/one.img', '/mnt/one');
      const [server] = await units(systemd, 'fuseward-ext4@*.service');
      expect(await score(server!)).toBeGreaterThan(0);
      expect(await systemd.property(server!, 'OOMPolicy')).toBe('kill');
      expect(Number(await systemd.property(server!, 'MemoryMax'))).toBe(2 ** 30);
      expect(Number(await systemd.property(server!, 'TasksMax'))).toBe(32);
      await fuseward('umount', '/mnt/one');
    });

    test('a server in bubblewrap that it started outlives it', async () => {
      await systemd.ok(['mkdir', '-p', '/mnt/auto']);
      const order = JSON.stringify({source: '/images/one.img', target: '/mnt/auto'});
      const curl = ['curl', '--silent', '--unix-socket', '/run/fuseward/admin.sock'];
      const post = [
        '--header',
        'content-type: application/json',
        '--data',
        order,
        'http://fuseward/v1/mounts',
      ];
      const answer = JSON.parse(await systemd.ok([...curl, ...post]));
      expect(answer).toMatchObject({target: '/mnt/auto', health: 'ok'});
      const score = readFileSync(systemd.path(`/proc/${answer.serverPid}/oom_score_adj`), 'utf8');
      expect(Number(score)).toBeGreaterThan(0);
      await systemd.ok(['systemctl', 'restart', MANAGER]);
      expect(await systemd.ok(['cat', '/mnt/auto/file1'])).toBe('/images/one.img 1');
      await fuseward('umount', '/mnt/auto');
    });

    test('an ordinary user mounts what is his where it is his', async () => {
      const policy = `target_file_systems = ["overlay", "tmpfs"]

[[allow]]
users = ["1000"]
sources = ["/srv/alice/**"]
source_owner = "caller"
targets = ["/srv/alice/**"]
target_owner = "caller"
access = "read-only"
`;
      await systemd.ok(['mkdir', '-p', '/etc/fuseward/policy.d', '/srv/alice/mnt']);
      await systemd.ok(['tee', '/etc/fuseward/policy.d/ext4.toml'], {input: policy});
      await makeImage(systemd, '/srv/alice/one.img');
      await systemd.ok(['chown', '-R', '1000:1000', '/srv/alice']);
      await systemd.ok(['systemctl', 'reload-or-restart', MANAGER]);
      const alice = ['setpriv', '--reuid=1000', '--regid=1000', '--clear-groups'];
      const image = ['/srv/alice/one.img', '/srv/alice/mnt'];
      await systemd.ok([...alice, 'fuseward', 'mount', '-t', 'ext4', ...image]);
      expect(await systemd.ok([...alice, 'cat', '/srv/alice/mnt/file1'])).toBe('/srv/alice/one.img 1');
      expect(readFileSync(systemd.path('/proc/1/mounts'), 'utf8')).toMatch(
        /^\S+ \/srv\/alice\/mnt fuse\.ext4 ro,nosuid,nodev,/m,
      );
      await systemd.ok([...alice, 'fuseward', 'umount', '/srv/alice/mnt']);
      expect(readFileSync(systemd.path('/proc/1/mounts'), 'utf8')).not.toMatch(/ fuse\.ext4 /);
      await systemd.ok(['rm', '/etc/fuseward/policy.d/ext4.toml']);
    });

    test('reload reads the policy again and tells systemd', async () => {
      await systemd.ok(['systemctl', 'reload', MANAGER]);
      await until(
        'the manager',
        () => systemd.property(MANAGER, 'SubState'),
        (state) => state === 'running',
      );
      expect(await systemd.journal(MANAGER)).toMatch(/policy/);
    });
  },
);
