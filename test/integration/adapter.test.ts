import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import {type AddressInfo, createServer, type Server} from 'node:net';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {CommandWay} from '../../src/control/command-plan.js';
import {landlockAbi} from '../../src/sys/landlock.js';
import {TCP_ABI} from '../../src/sys/landlock-network.js';
import {processState} from '../../src/sys/process.js';
import {AdapterRoom, cannotAdapt, type Trial, type TrialEnd} from './adapter-support.js';

const HELLO = 'hello from inside\n';
let room: AdapterRoom;
let tree: string;

beforeAll(() => {
  room = new AdapterRoom();
  tree = join(room.dir, 'tree');
  mkdirSync(join(tree, 'folder'), {recursive: true});
  writeFileSync(join(tree, 'hello'), HELLO);
});
afterAll(() => room.remove());

/** What runs in the sandbox: pid and program. Processes that end meanwhile are left out. */
function running(): Array<[pid: number, program: string]> {
  return room.processes().flatMap((pid): Array<[number, string]> => {
    try {
      return [[pid, readlinkSync(`/proc/${pid}/exe`)]];
    } catch {
      return [];
    }
  });
}

/** Looks at a mount: its content, and who is there. */
function look(program: string) {
  return async (target: string): Promise<void> => {
    expect(readdirSync(target).sort()).toEqual(['folder', 'hello']);
    expect(readFileSync(join(target, 'hello'), 'utf8')).toBe(HELLO);
    // Nothing of ours is left but bubblewrap; the adapter's goodbye is a moment before its end.
    const others = (): string[] => running().flatMap(([, path]) => (path.endsWith('/bwrap') ? [] : [path]));
    await expect.poll(others, {timeout: 2000, interval: 20}).toEqual([program]);
    const [pid] = running().find(([, path]) => path === program)!;
    const {seccomp, seccompFilters, noNewPrivs, capabilities} = processState(pid);
    expect({seccomp, seccompFilters, noNewPrivs}).toEqual({seccomp: 2, seccompFilters: 1, noNewPrivs: true});
    const none = {inheritable: 0n, permitted: 0n, effective: 0n, bounding: 0n, ambient: 0n};
    expect(capabilities).toEqual(none);
    const fds = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect(fds.filter((path) => /^socket|seccomp/.test(path))).toEqual([]);
    expect(fds.filter((path) => path === '/dev/fuse')).toHaveLength(1);
  };
}

async function listening(): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** A mount that was made, with the adapter's word on how the program asked for it. */
function expectMounted(end: TrialEnd, asked: string | RegExp): void {
  expect(end.failure, end.log).toBeUndefined();
  expect(end.log).toMatch(asked);
  expect(end.result?.lockDown).toEqual({landlock: 0, systemCalls: expect.any(Number)});
}

const BY_DESCRIPTOR = 'the program gets its mount as a descriptor';
const BY_FUSERMOUNT = 'the program asks by fusermount';
const BY_CALL = 'the program asks by mount(2)';
const BOUND = {kind: 'bound', path: '/fuseward/source'} as const;

const SQUASHFUSE = '/usr/bin/squashfuse_ll';
const noSquashfs = cannotAdapt(SQUASHFUSE, '/usr/bin/mksquashfs');
describe.skipIf(noSquashfs !== undefined)(`squashfuse_ll, libfuse 3 (${noSquashfs ?? 'unmodified'})`, () => {
  let image: string;
  beforeAll(() => {
    image = join(room.dir, 'image.squashfs');
    spawnSync('mksquashfs', [tree, image, '-quiet', '-noappend']);
    chmodSync(image, 0o644);
  });

  const ways: Array<[CommandWay, string[], string]> = [
    ['descriptor', ['-f'], BY_DESCRIPTOR],
    ['fusermount', ['-f'], BY_FUSERMOUNT],
    // In the background.
    ['auto', [], BY_CALL],
  ];
  test.each(ways)('by %s %j', async (way, flags, asked) => {
    const end = await room.run({
      plan: {command: [SQUASHFUSE, ...flags, '-o', '{options}', '{source}', '{target}'], way},
      source: image,
      options: ['ro'],
      use: look(SQUASHFUSE),
    });
    expectMounted(end, asked);
    expect(end.result?.readOnly).toBe(true);
  });

  test('an image that it does not know: its own words are the reason', async () => {
    const plan = {command: [SQUASHFUSE, '-f', '{source}', '{target}']};
    const end = await room.run({plan, options: ['ro']});
    expect(end.failure).toMatch(
      /squashfuse_ll exited with status \d+ without having mounted anything; it says: .*squashfs image/,
    );
  });

  test('the same by descriptor: they are in the log', async () => {
    const plan = {command: [SQUASHFUSE, '-f', '{source}', '{target}'], way: 'descriptor'} as const;
    const end = await room.run({plan, options: ['ro']});
    expect(end.failure).toContain('the server died before the mount worked');
    expect(end.log).toContain('squashfs image');
  });
});

const BINDFS = '/usr/bin/bindfs';
const noBindfs = cannotAdapt(BINDFS);
test.skipIf(noBindfs !== undefined).each([
  ['fusermount', BY_FUSERMOUNT],
  ['mount', BY_CALL],
] as const)(`bindfs, libfuse 2, by %s (${noBindfs ?? 'in the background'})`, async (way, asked) => {
  const end = await room.run({
    plan: {command: [BINDFS, '-o', '{options}', '{source}', '{target}'], way, source: BOUND},
    sandbox: ['--ro-bind', tree, BOUND.path],
    use: look(BINDFS),
  });
  expectMounted(end, asked);
});

const GOCRYPTFS = '/usr/bin/gocryptfs';
const noGocryptfs = cannotAdapt(GOCRYPTFS);
test.skipIf(noGocryptfs !== undefined)(
  `gocryptfs, go-fuse, its password as a descriptor (${noGocryptfs ?? 'by fusermount'})`,
  async () => {
    const cipher = join(room.dir, 'cipher');
    const password = join(room.dir, 'password');
    mkdirSync(cipher);
    writeFileSync(password, 'secret\n', {mode: 0o644});
    spawnSync(GOCRYPTFS, ['-init', '-q', '-scryptn', '10', '-passfile', password, cipher]);
    spawnSync('chmod', ['-R', 'a+rwX', cipher]);
    const end = await room.run({
      plan: {
        command: [GOCRYPTFS, '-fg', '-q', '-passfile', '{secret:password}', '{source}', '{target}'],
        way: 'auto',
        source: BOUND,
        secrets: [{name: 'password', fd: 4}],
      },
      inherited: [openSync(password, 'r')],
      sandbox: ['--bind', cipher, BOUND.path],
      use: (target) => {
        writeFileSync(join(target, 'file'), HELLO);
        expect(readFileSync(join(target, 'file'), 'utf8')).toBe(HELLO);
        expect(readdirSync(cipher).filter((name) => name.startsWith('file'))).toEqual([]);
      },
    });
    expectMounted(end, BY_FUSERMOUNT);
  },
);

const RCLONE = '/usr/bin/rclone';
const noRclone = cannotAdapt(RCLONE);
test.skipIf(noRclone !== undefined)(`rclone, bazil (${noRclone ?? 'by fusermount'})`, async () => {
  const end = await room.run({
    plan: {
      command: [RCLONE, 'mount', '{source}', '{target}', '--config', '/tmp/rclone.conf'],
      way: 'auto',
      source: BOUND,
    },
    sandbox: ['--ro-bind', tree, BOUND.path],
    use: look(RCLONE),
  });
  expectMounted(end, BY_FUSERMOUNT);
});

const NTFS = '/usr/bin/ntfs-3g';
const noNtfs = cannotAdapt(NTFS, '/usr/sbin/mkntfs');
test.skipIf(noNtfs !== undefined)(
  `ntfs-3g, which mounts by itself (${noNtfs ?? 'by mount(2)'})`,
  async () => {
    const image = join(room.dir, 'image.ntfs');
    spawnSync('truncate', ['-s', '8M', image]);
    spawnSync('mkntfs', ['-F', '-Q', image]);
    chmodSync(image, 0o666);
    const end = await room.run({
      plan: {command: [NTFS, '-o', '{options}', '{source}', '{target}'], way: 'mount', source: BOUND},
      source: image,
      sandbox: ['--bind', image, BOUND.path],
      use: (target) => {
        writeFileSync(join(target, 'file'), HELLO);
        expect(readFileSync(join(target, 'file'), 'utf8')).toBe(HELLO);
      },
    });
    expectMounted(end, BY_CALL);
  },
);

const PYTHON = '/usr/bin/python3';
const noPython = cannotAdapt(PYTHON);
describe.skipIf(noPython !== undefined)(`hostile programs (${noPython ?? 'in Python'})`, () => {
  const SCRIPT = '/fuseward/hostile.py';
  const hostile = (act: string, way: CommandWay, more: Partial<Trial> = {}) =>
    room.run({
      plan: {command: [PYTHON, SCRIPT, act, '{target}'], way},
      sandbox: ['--ro-bind', room.shown(join(import.meta.dirname, '../support/hostile-command.py')), SCRIPT],
      options: ['ro'],
      ...more,
    });
  /** What it tried and what came of it. */
  const tried = ({log}: TrialEnd): Record<string, string> =>
    Object.fromEntries(
      [...log.matchAll(/^TRIED (.*?): (.*(?:\n\w+: .*)*)$/gm)].map((match) => [match[1], match[2]]),
    );
  const mounts = (): number =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(room.target)).length;
  const QUICK = {policy: {deadlineMs: 1500}};

  test('one that gives up says why, in its own words and harmlessly', async () => {
    const {failure} = await hostile('exits', 'auto');
    expect(failure).toContain(
      'python3 exited with status 3 without having mounted anything; it says: no such thing as [31ma good image [0m / I give up',
    );
  });

  test.each(['never', 'floods'])('one that never mounts ends at the deadline: %s', async (act) => {
    const begin = performance.now();
    const {failure} = await hostile(act, 'fusermount', QUICK);
    expect(failure).toContain('python3 runs, but has not mounted anything');
    expect(performance.now() - begin).toBeLessThan(6000);
    expect(mounts()).toBe(0);
  });

  test('a second mount is not to be had, at no time and by no way', async () => {
    const end = await hostile('twice', 'auto', {
      use: async (target) => {
        await expect.poll(() => room.log, {timeout: 5000}).toContain('TRIED unmount');
        expect(mounts()).toBe(1);
        const line = readFileSync('/proc/self/mountinfo', 'utf8')
          .split('\n')
          .find((each) => each.includes(target));
        expect(line).toMatch(/ ro,nosuid,nodev,/);
      },
    });
    expectMounted(end, BY_FUSERMOUNT);
    expect(tried(end)).toEqual({
      first: '0 fusermount3: unsafe option suid ignored\nfusermount3: unsafe option dev ignored',
      // The same mount, because the first descriptor may have been lost on its way.
      'before the first request is read': '0 same=True',
      'after the adapter':
        '1 fusermount3: mount failed: the program has its mount; a second one is not to be had',
      'mount(2) after the adapter': 'ENOSYS',
      unmount: '0',
    });
  });

  test('options that the helper refuses are refused in its words, and not for ever', async () => {
    const end = await hostile('options', 'fusermount', {policy: {allowOther: false}});
    expect(tried(end)).toEqual({
      allow_other:
        '1 fusermount3: mount failed: option allow_other is not allowed: policy needs allow_other = true (where the caller is not root: allow_other_users = true)',
      bind: "unknown option 'bind'",
      'source=/etc/passwd': "unknown option 'source=/etc/passwd'",
      'max_read=x': 'the mount helper takes none of these options: max_read=x',
      'context=a': 'the mount helper takes none of these options: context=a',
      x: 'more than 8 requests',
    });
    expect(end.failure).toContain('it was refused: more than 8 requests');
    expect(mounts()).toBe(0);
  });

  test('whatever is said to the socket, an honest request is answered after it', async () => {
    const end = await hostile('socket_abuse', 'fusermount', {use: () => expect(mounts()).toBe(1)});
    expectMounted(end, BY_FUSERMOUNT);
    const outcomes = tried(end);
    expect(outcomes['honest']).toBe('0 ');
    expect(Object.values(outcomes).filter((each) => each !== '0 ')).not.toEqual([]);
    for (const [what, outcome] of Object.entries(outcomes))
      if (what !== 'honest') expect(outcome).toMatch(/^(b''|\[b'', b'', b''\])$/);
  });

  test('one that takes its descriptor and goes has no mount', async () => {
    const {failure} = await hostile('takes', 'fusermount');
    expect(failure).toContain('python3 exited with status 4 before it served its mount');
    expect(mounts()).toBe(0);
  });

  test('mount(2) with what it must not have, then as it may', async () => {
    const end = await hostile('calls', 'mount', {use: () => expect(mounts()).toBe(1)});
    expectMounted(end, BY_CALL);
    expect(tried(end)).toEqual({
      'another type': 'EPERM',
      'another place': 'EPERM',
      bind: 'EINVAL',
      remount: 'EINVAL',
      'no descriptor': 'EINVAL',
      'a closed descriptor': 'EINVAL',
      'an address of nothing': 'EFAULT',
      'a kernel address': 'EFAULT',
      umount: '-1',
      'unknown option': 'EINVAL',
      unshare: '-1',
      'the mount': '0',
      'umount of it': '0',
    });
  });

  const noPorts = landlockAbi() < TCP_ABI ? 'no Landlock for ports' : undefined;
  test.skipIf(noPorts !== undefined)(
    `a list of peers (${noPorts ?? 'TCP to their ports alone'})`,
    async () => {
      const servers = await Promise.all([0, 1].map(listening));
      const [allowed, other] = servers.map((server) => (server.address() as AddressInfo).port);
      const end = await hostile('network', 'mount', {
        plan: {
          command: [PYTHON, SCRIPT, 'network', '{target}'],
          network: [`127.0.0.1:${allowed}`],
          environment: {ALLOWED: `${allowed}`, OTHER: `${other}`},
        },
        sharesNetwork: true,
      });
      for (const server of servers) server.close();
      const refused = 'EAFNOSUPPORT';
      expect(tried(end)).toEqual({
        ...{ALLOWED: 'ok', OTHER: 'EACCES', listen: 'EACCES'},
        ...{udp: refused, mptcp: refused, netlink: refused, packet: refused, alg: refused},
      });
    },
  );

  test('one that mounts from the background of the background', async () => {
    const end = await hostile('daemon', 'auto', {use: () => expect(mounts()).toBe(1)});
    expectMounted(end, BY_FUSERMOUNT);
  });
});
