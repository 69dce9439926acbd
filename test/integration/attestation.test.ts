import {type ChildProcess, spawnSync} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {ManagerEvent, MountView} from '../../src/manager/model.js';
import type {ContainmentPoint} from '../../src/policy/index.js';
import {FUSEWARD} from './command-support.js';
import {missingForManager, NOTHING, Room, runs, SOON_MS} from './manager-support.js';

const missing = missingForManager();
const noActivator =
  spawnSync('systemd-socket-activate', ['--version']).error === undefined
    ? undefined
    : 'no systemd-socket-activate';
/** The least time between two looks that somebody asks for. */
const FRESH_MS = 2_100;
let room: Room;

/** A directory of policy files that demand these points of servers of ext4. */
function demanding(...required: ContainmentPoint[]): string {
  const directory = join(room.dir, `policy-${required.join('-')}`);
  mkdirSync(directory, {mode: 0o755});
  const list = required.map((point) => `"${point}"`).join(', ');
  writeFileSync(join(directory, 'ext4.toml'), `[containment]\nrequired = [${list}]\n`, {mode: 0o644});
  return directory;
}

/** Another process under a server's user id, which takes from it that the id is its own. */
async function neighbour(serverPid: number): Promise<ChildProcess> {
  const uid = /^Uid:\s*(\d+)/m.exec(readFileSync(`/proc/${serverPid}/status`, 'latin1'))![1];
  const child = room.start(
    'setpriv',
    `--reuid=${uid}`,
    '--clear-groups',
    'sh',
    '-c',
    'echo ready; exec sleep 60',
  );
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  return child;
}

/** Waits for an event, asking about the mount meanwhile, so that its server is looked at. */
async function heardOf(heard: readonly ManagerEvent[], name: string, id: number): Promise<ManagerEvent> {
  const found = (): ManagerEvent | undefined => heard.find(({event}) => event === name);
  const end = performance.now() + 2 * SOON_MS;
  while (found() === undefined && performance.now() < end) {
    await room.ask('GET', `/v1/mounts/${id}`);
    await eventually(() => found() !== undefined, FRESH_MS);
  }
  return found()!;
}

const pointsOf = ({seal}: MountView): Record<string, string> =>
  Object.fromEntries(seal!.map(({point, state}) => [point, state]));

describe.skipIf(missing)(`the seal of a server${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(async () => {
    room = await Room.create();
    // Sockets of services of our own, and none of the machine's.
    room.run('sh', '-ec', 'mount -t tmpfs -o mode=0755 none /run; mkdir /run/fuseward /run/filesystems');
  });
  afterEach(() => room.close());

  test('says of one in our sandbox what /proc says', async () => {
    await room.daemon();
    const {target, serverPid, connectionId, loopDevice, image} = room.mount('disk');
    const view = (await room.seen(target, ({seal}) => seal !== null))!;
    expect(pointsOf(view)).toMatchObject({
      ...{user: 'verified', capabilities: 'verified', 'no-new-privileges': 'verified', seccomp: 'verified'},
      ...{landlock: 'reported', namespaces: 'verified', descriptors: 'verified', limits: 'verified'},
    });
    const proc = (file: string): string => readFileSync(`/proc/${serverPid}/${file}`, 'latin1');
    expect(proc('status')).toMatch(/^CapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nCapAmb:\t0+\nNoNewPrivs:\t1\n/m);
    const threads = readdirSync(`/proc/${serverPid}/task`);
    for (const thread of threads) expect(proc(`task/${thread}/status`)).toMatch(/^Seccomp:\t2$/m);
    for (const kind of ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup']) {
      expect(readlinkSync(`/proc/${serverPid}/ns/${kind}`)).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
    }
    const files = readdirSync(`/proc/${serverPid}/fd`)
      .map((fd) => readlinkSync(`/proc/${serverPid}/fd/${fd}`))
      .filter((path) => path.startsWith('/') && !path.startsWith('/memfd:'));
    expect(new Set(files)).toEqual(new Set(['/', '/dev/null', '/dev/fuse', loopDevice, image]));
    expect(view.seal!.find(({point}) => point === 'seccomp')!.detail).toContain(
      `each of ${threads.length} threads`,
    );

    const {stdout} = room.fuseward('status', target);
    expect(stdout).toMatch(/^seal: [78] of 9 points verified, landlock reported by the server/m);
    expect(room.fuseward('ls').stdout).toMatch(/ SEAL .*\n.* [89]\/9 /);
    const metrics = room.run('curl', '-sS', '--unix-socket', '/run/fuseward/admin.sock', 'http://f/metrics');
    expect(metrics).toContain(
      `fuseward_mount_containment{mount="${connectionId}",type="fuse.ext4",point="landlock",state="reported"} 1\n`,
    );
  });

  test('a mount is taken away whose server loses what policy requires', async () => {
    const daemon = await room.daemon('--policy', demanding('seccomp', 'user'));
    const {heard, close} = await room.listen();
    const {target, serverPid, connectionId} = room.mount('disk');
    await room.seen(target, ({health, seal}) => health === 'ok' && seal !== null);
    const user = room.start('sh', '-c', `cd ${target} && echo inside && exec sleep 60`);
    await new Promise((resolve) => user.stdout!.once('data', resolve));
    expect(heard.map(({event}) => event)).not.toContain('containment-missing');

    const other = await neighbour(serverPid);
    const told = await heardOf(heard, 'containment-missing', connectionId);
    expect(told).toMatchObject({
      mount: String(connectionId),
      target,
      details: {serverPid, required: ['seccomp', 'user'], points: ['user']},
    });
    expect(heard.find(({event}) => event === 'containment-lost')).toMatchObject({
      details: {points: ['user']},
    });
    expect(await room.unseen(target)).toBe(true);
    expect(heard.find(({event}) => event === 'unmounted')).toMatchObject({
      details: {reason: 'not-contained'},
    });
    expect(heard.map(({event}) => event)).not.toContain('server-died');
    expect(await eventually(() => !runs(serverPid), SOON_MS)).toBe(true);
    expect(await eventually(() => heard.some(({event}) => event === 'cleaned'), SOON_MS)).toBe(true);
    expect(room.leftovers()).toEqual(NOTHING);
    expect(runs(other.pid!)).toBe(true);
    expect(daemon.stderr()).toBe('');
    close();
  });

  test('a point that policy does not require may go, and that is told', async () => {
    await room.daemon();
    const {heard, close} = await room.listen();
    const {target, serverPid, connectionId} = room.mount('disk');
    await room.seen(target, ({seal}) => seal !== null);
    const other = await neighbour(serverPid);
    const {details} = await heardOf(heard, 'containment-lost', connectionId);
    expect(details).toMatchObject({
      points: ['user'],
      details: {user: expect.stringContaining(`${other.pid}`)},
    });
    expect(readdirSync(room.path(target))).toContain('struct.ts');
    expect(pointsOf((await room.seen(target))!)['user']).toBe('missing');
    close();
  });

  test('mounts that are there when a manager starts are looked at too, and a server that would stay is ended', async () => {
    const {target, serverPid} = room.mount('disk');
    await neighbour(serverPid);
    process.kill(serverPid, 'SIGSTOP');
    const daemon = await room.daemon('--policy', demanding('user'));
    expect(await room.unseen(target)).toBe(true);
    expect(room.leftovers().mounts).toEqual([]);
    expect(daemon.log().map(({msg}) => msg)).toContain('containment-missing');
    expect(await eventually(() => !runs(serverPid), SOON_MS)).toBe(true);
  });

  describe.skipIf(noActivator)(
    `behind a service socket${noActivator ? ` (skipped: ${noActivator})` : ''}`,
    () => {
      let listener: ChildProcess;
      beforeEach(async () => {
        // As systemd does it: it listens and accepts, and a process of its own serves each connection. No sandbox whatever.
        const socket = ['--accept', '--seqpacket', '--listen=/run/filesystems/ext4'];
        const server = [FUSEWARD, 'serve', 'ext4'];
        listener = room.start('systemd-socket-activate', ...socket, ...server);
        const {stderr} = listener;
        await new Promise((resolve) => stderr!.once('data', resolve));
      });

      test('the server is found by what the kernel says of who answered', () => {
        const {image, target} = room.image('disk');
        const {stdout} = room.fuseward('mount', '--json', '-t', 'ext4', image, target);
        const {serverPid, kind} = JSON.parse(stdout);
        expect(kind).toBe('socket');
        expect(serverPid).not.toBe(listener.pid);
        expect(readFileSync(`/proc/${serverPid}/status`, 'latin1')).toContain(`\nPPid:\t${listener.pid}\n`);
        const {containment, seal} = JSON.parse(room.fuseward('status', '--json', target).stdout);
        expect(containment).toMatchObject({pid: serverPid, uid: 0, connections: [expect.any(Number)]});
        const lacking = (seal as MountView['seal'])!.filter(({state}) => state === 'missing');
        expect(lacking.map(({point}) => point)).toEqual(
          expect.arrayContaining(['user', 'capabilities', 'namespaces', 'limits', 'cgroup']),
        );
      });

      test('a server that lacks what policy requires gets no mount, and nothing is left', async () => {
        const {image, target} = room.image('disk');
        const order = [
          'mount',
          '--json',
          '--policy',
          demanding('seccomp', 'user', 'namespaces'),
          '-t',
          'ext4',
        ];
        const {code, stdout} = room.fuseward(...order, image, target);
        expect(code).toBe(1);
        const {error} = JSON.parse(stdout);
        expect(error).toMatchObject({code: 'not-contained', errno: 'EPERM'});
        expect(error.message).toMatch(
          /lacks what containment\.required demands: user \(.*root.*\); namespaces \(/,
        );
        expect(error.message).not.toContain('seccomp');
        expect(readdirSync(room.path(target))).toEqual([]);
        expect(await eventually(() => room.leftovers().loops.length === 0, SOON_MS)).toBe(true);
        expect(room.leftovers()).toEqual(NOTHING);
      });

      test('one that was mounted by laxer rules is unmounted at once', async () => {
        await room.daemon('--policy', demanding('capabilities'));
        const {heard, close} = await room.listen();
        const {image, target} = room.image('disk');
        const {code, stdout} = room.fuseward('mount', '--json', '-t', 'ext4', image, target);
        expect(code).toBe(0);
        const {serverPid} = JSON.parse(stdout);
        expect(await eventually(() => heard.some(({event}) => event === 'cleaned'), SOON_MS)).toBe(true);
        expect(heard.map(({event}) => event).filter((event) => event !== 'health')).toEqual([
          ...['mounted', 'containment-missing', 'unmounted', 'cleaned'],
        ]);
        expect(room.leftovers()).toEqual(NOTHING);
        expect(await eventually(() => !runs(serverPid), SOON_MS)).toBe(true);
        close();
      });
    },
  );
});
