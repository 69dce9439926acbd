import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {performMount} from '../../src/cli/mount/perform.js';
import {eventually} from '../../src/helper/cleanup.js';
import type {MountResult} from '../../src/helper/index.js';
import {sweepRecords} from '../../src/launch/mount-record.js';
import {stateDirectory} from '../../src/launch/state-directory.js';
import {O_PATH, O_RDONLY, openFd} from '../../src/sys/fd.js';
import {CHECKOUT} from '../support/checkout.js';
import {run} from '../support/mounts.js';
import {fuseward, leftovers, serverProcesses, settled, startFuseward} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const missing = missingForMounts();
const without = (program: string): boolean => missing !== undefined || !existsSync(`/usr/bin/${program}`);
const title = (program: string): string =>
  `with Debian's ${program}${without(program) ? ' (not installed)' : ''}`;

/** A program that asks for its mount as libraries do; the descriptor that it gets goes nowhere. */
const ASKING = `command = ["python3", "-c", "import os, socket, subprocess, sys; a, b = socket.socketpair(); sys.exit(subprocess.run(sys.argv[1:], stdin=b, env={**os.environ, '_FUSE_COMMFD': '0'}).returncode)", "sh", "-c",`;

/** An ordinary user's id. */
const ADA = 4711;
/** A group that he is in beside his own. */
const GROUP = 4712;
const RULE = `[[allow]]
users = ["root"]
sources = ["**"]
source_kinds = ["file", "block", "directory", "name"]
source_owner = "anyone"
targets = ["**"]
target_owner = "anyone"
access = "read-write"
`;

let dir: string;
let tree: string;
let target: string;
let policies: string;
let before: ReturnType<typeof leftovers>;
/** Processes of servers that were there before. */
let others: number[];

function policy(type: string, server: string, more = ''): void {
  writeFileSync(join(policies, `${type}.toml`), `${more}[server]\n${server}\n${RULE}`);
}

function mount(source: string, type: string | undefined, ...more: string[]): ReturnType<typeof fuseward> {
  const named = type === undefined ? [] : ['-t', type];
  return fuseward(['mount', '--policy', policies, '--no-announce', ...named, ...more, source, target]);
}

/** Mounts, and tells of it. */
function mounted(source: string, type: string | undefined, ...more: string[]): Record<string, unknown> {
  const {code, stdout, stderr} = mount(source, type, '--json', ...more);
  expect(stderr + (code === 0 ? '' : stdout)).toBe('');
  return JSON.parse(stdout) as Record<string, unknown>;
}

function unmount(...more: string[]): void {
  expect(fuseward(['umount', '--no-announce', ...more, target])).toEqual({code: 0, stdout: '', stderr: ''});
}

/** Processes of servers that see something of this test's directory. */
function sandboxed(): number[] {
  return serverProcesses().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(dir);
    } catch {
      return false;
    }
  });
}

function names(pids: readonly number[]): string[] {
  return pids.map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
}

/** What a command says that is a shell script and mounts nothing. */
function said(script: string, server = '', more: string[] = [], source = join(dir, 'disk.img')): string {
  policy('script', `command = ["sh", "-c", '''${script}''', "sh", "{source}", "{target}"]\n${server}`);
  const {code, stderr} = mount(source, 'script', ...more);
  expect(code).toBe(1);
  return stderr;
}

beforeAll(() => {
  if (missing !== undefined) return;
  tree = mkdtempSync(join(tmpdir(), 'fuseward-tree-'));
  chmodSync(tree, 0o755);
  for (let index = 0; index < 20; index++) writeFileSync(join(tree, `${index}`), `${index}`.repeat(5000));
  mkdirSync(join(tree, 'deep/er'), {recursive: true});
  writeFileSync(join(tree, 'deep/er/file'), 'here');
});
afterAll(() => {
  if (missing === undefined) rmSync(tree, {recursive: true});
});
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-foreign-')));
  target = join(dir, 'mnt');
  policies = join(dir, 'policy.d');
  mkdirSync(target);
  mkdirSync(policies, {mode: 0o755});
  writeFileSync(join(dir, 'disk.img'), 'image', {mode: 0o600});
  before = leftovers(dir);
  others = serverProcesses();
});
afterEach(async () => {
  spawnSync('umount', ['-l', target]);
  const after = await settled(dir, Number.POSITIVE_INFINITY);
  const gone = await eventually(() => sandboxed().length === 0, 5_000);
  rmSync(dir, {recursive: true});
  expect({...after, servers: 0}).toEqual({...before, servers: 0});
  expect(gone, 'something still runs in a sandbox').toBe(true);
  expect(existsSync('/run/fuseward/0')).toBe(false);
});

describe.skipIf(without('squashfuse_ll') || without('mksquashfs'))(title('squashfuse_ll'), () => {
  let image: string;
  beforeEach(() => {
    image = join(dir, 'image');
    run('mksquashfs', [tree, image, '-quiet', '-no-progress']);
    chmodSync(image, 0o600);
  });

  test.each([
    ['named', 'squashfs'],
    ['found by its magic', undefined],
  ])('a private image of root, %s', (_, type) => {
    const result = mounted(image, type);
    expect(result).toMatchObject({subtype: 'squashfs', readOnly: true, kind: 'embedded', foreign: true});
    expect(run('diff', ['-r', tree, target])).toBe('');
    const status = readFileSync(`/proc/${result['serverPid']}/status`, 'latin1');
    expect(status).toMatch(/^Name:\tsquashfuse_ll$/m);
    expect(status).toMatch(/^Uid:\t19\d{8}\t/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(statSync(image)).toMatchObject({uid: 0, mode: 0o100600});
    const {containment, seal} = JSON.parse(fuseward(['status', '--json', target]).stdout) as {
      containment: {pid: number};
      seal: Array<{point: string; state: string; detail: string}>;
    };
    expect(containment.pid).toBe(result['serverPid']);
    const lacking = seal.filter(({state}) => state === 'missing');
    expect(lacking.map(({point, detail}) => `${point}: ${detail}`)).toEqual([
      'landlock: none: its mount namespace alone says what it sees',
      expect.stringMatching(/^cgroup: /),
    ]);
    unmount();
  });

  test('a block device, which is busy until it is unmounted', () => {
    const loop = run('losetup', ['--find', '--show', '--read-only', image]).trim();
    try {
      mounted(loop, 'squashfs');
      expect(run('diff', ['-r', tree, target])).toBe('');
      const other = join(dir, 'other');
      mkdirSync(other);
      const second = fuseward(['mount', '--policy', policies, '-t', 'squashfs', '--json', loop, other]);
      expect(JSON.parse(second.stdout)).toMatchObject({error: {code: 'source-busy'}});
      unmount();
    } finally {
      run('losetup', ['--detach', loop]);
    }
  });

  test('ends with its server, all of it', async () => {
    const {serverPid} = mounted(image, 'squashfs');
    process.kill(serverPid as number, 'SIGKILL');
    expect(spawnSync('ls', [target]).status).not.toBe(0);
    unmount('--lazy');
  });
});

describe.skipIf(without('bindfs'))(title('bindfs'), () => {
  beforeEach(() => {
    policy('bindfs', 'command = ["bindfs", "-f", "{source}", "{target}"]');
  });

  test("a user's private directory, written through", () => {
    const home = join(dir, 'home');
    mkdirSync(home, {mode: 0o700});
    writeFileSync(join(home, 'letter'), 'dear');
    writeFileSync(join(home, 'of-root'), 'secret', {mode: 0o600});
    chownSync(home, ADA, ADA);
    chownSync(join(home, 'letter'), ADA, ADA);
    expect(mounted(home, 'bindfs')).toMatchObject({readOnly: false});
    expect(readFileSync(join(target, 'letter'), 'utf8')).toBe('dear');
    writeFileSync(join(target, 'answer'), 'yours');
    expect(readFileSync(join(home, 'answer'), 'utf8')).toBe('yours');
    expect(statSync(join(home, 'answer'))).toMatchObject({uid: ADA, gid: ADA});
    // What is nobody's business of the directory's owner.
    expect(() => readFileSync(join(target, 'of-root'))).toThrow(/EACCES/);
    unmount();
  });

  test('is read-only where the mount is', () => {
    const {readOnly} = mounted(tree, 'bindfs', '-o', 'ro');
    expect(readOnly).toBe(true);
    expect(run('diff', ['-r', tree, target])).toBe('');
    expect(() => writeFileSync(join(target, 'new'), '')).toThrow(/EROFS/);
    unmount();
  });

  test('one that goes to the background is followed', () => {
    policy('bindfs', 'command = ["bindfs", "{source}", "{target}"]');
    const {serverPid} = mounted(tree, 'bindfs', '-o', 'ro');
    expect(readFileSync(`/proc/${serverPid}/comm`, 'utf8')).toBe('bindfs\n');
    expect(run('diff', ['-r', tree, target])).toBe('');
    unmount();
  });
});

describe.skipIf(missing !== undefined)('a command in its sandbox', () => {
  test('sees itself, the system, and what it is granted', () => {
    mkdirSync(join(dir, 'keys'), {mode: 0o700});
    writeFileSync(join(dir, 'keys/a'), 'key', {mode: 0o600});
    mkdirSync(join(dir, 'work'), {mode: 0o700});
    writeFileSync(join(dir, 'password'), 'sesame', {mode: 0o600});
    const server = `grants = ["ro:${dir}/keys:/inside", "rw:${dir}/work"]
environment = {COLOUR = "blue"}
secrets = {pw = "${dir}/password"}`;
    const script = `exec >&2
      echo "[$(cat /inside/a) $COLOUR $HOME $(id -un) $(ls /dev | tr "\\n" " ")$(ls / | tr "\\n" " ")]"
      (echo x > /inside/b) 2>/dev/null || echo kept; echo made > ${dir}/work/w; ls /proc/1/root/root ${dir}/policy.d 2>&1 | wc -l; exit 3`;
    policy('seen', `command = ["sh", "-c", '''${script}''', "sh", "{secret:pw}", "{target}"]\n${server}`);
    const {stderr} = mount(join(dir, 'disk.img'), 'seen');
    expect(stderr).toContain('[key blue /tmp fuseward ');
    expect(stderr).toContain('fd full fuse null random stderr stdin stdout urandom zero ');
    expect(stderr).not.toContain('home ');
    expect(stderr).toContain('kept');
    expect(readFileSync(join(dir, 'work/w'), 'utf8')).toBe('made\n');
    expect(statSync(join(dir, 'work/w')).uid).toBe(0);
    expect(readdirSync(join(dir, 'keys'))).toEqual(['a']);
  });

  test('gets secrets as descriptors', () => {
    writeFileSync(join(dir, 'password'), 'sesame', {mode: 0o600});
    const command = 'command = ["sh", "-c", "cat $1 >&2; exit 3", "sh", "{secret:pw}", "{target}"]';
    policy('secret', `${command}\nsecrets = {pw = "${dir}/password"}`);
    expect(mount(join(dir, 'disk.img'), 'secret').stderr).toContain('sesame');
    chmodSync(join(dir, 'password'), 0o604);
    expect(mount(join(dir, 'disk.img'), 'secret').stderr).toMatch(
      /read or written by others.*chmod 600.*secret\.toml:3/s,
    );
  });

  test('finds its state again', () => {
    const image = join(dir, 'disk.img');
    const state = stateDirectory({type: 'script', callerUid: 0, source: image});
    try {
      expect(said('echo one >> $HOME/s; exit 3', 'state = true')).toContain('exited with status 3');
      expect(said('echo two >> $HOME/s; cat $HOME/s >&2; exit 3', 'state = true')).toContain('one / two');
      expect(readFileSync(join(state, 's'), 'utf8')).toBe('one\ntwo\n');
      expect(statSync(join(state, 's')).uid).toBe(65_534);
    } finally {
      rmSync(join(state, '../..'), {recursive: true});
    }
  });

  test('takes itself for root where policy says so, and is not', () => {
    expect(
      said('id -u >&2; cat "$1" >&2; echo >&2; grep CapEff /proc/self/status >&2; exit 3', 'as_root = true'),
    ).toMatch(/it says: 0 \/ image \/ CapEff:\s*0+/);
  });

  test('is told a name as it is', () => {
    expect(said('echo "<$1>" >&2; exit 3', '', [], 'ada@host:/srv')).toContain('<ada@host:/srv>');
  });

  test.skipIf(without('python3'))('is mounted on a file', () => {
    const program = `grants = ["ro:${CHECKOUT}/test/support/one-file.py:/one-file.py"]\nway = "descriptor"`;
    policy('one', `${program}\ncommand = ["python3", "/one-file.py", "{target}", "all of it"]`);
    const place = join(dir, 'place');
    writeFileSync(place, 'below');
    const args = ['--policy', policies, '--no-announce', '-t', 'one', join(dir, 'disk.img'), place];
    expect(fuseward(['mount', ...args])).toMatchObject({code: 0, stderr: ''});
    expect(readFileSync(place, 'utf8')).toBe('all of it');
    expect(fuseward(['umount', '--no-announce', place])).toMatchObject({code: 0, stderr: ''});
    expect(readFileSync(place, 'utf8')).toBe('below');
  });

  test('has an image of a file system without ID-mapped mounts if everybody may read it', () => {
    const layers = join(dir, 'layers');
    mkdirSync(layers);
    run('mount', ['-t', 'tmpfs', 'x', layers]);
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(layers, name));
    writeFileSync(join(layers, 'lower/image'), 'of a layer', {mode: 0o600});
    const options = `lowerdir=${layers}/lower,upperdir=${layers}/upper,workdir=${layers}/work`;
    run('mount', ['-t', 'overlay', 'x', '-o', options, join(layers, 'merged')]);
    try {
      const image = join(layers, 'merged/image');
      const show = 'cat "$1" >&2; exit 3';
      expect(said(show, '', ['-o', 'ro'], image)).toMatch(
        /its file system can't be ID-mapped, and its mode does not let others read it; let them \(chmod\)/,
      );
      chmodSync(image, 0o644);
      expect(said(show, '', ['-o', 'ro'], image)).toContain('it says: of a layer');
      expect(said(show, '', [], image)).toMatch(/does not let others write to it/);
    } finally {
      run('umount', [join(layers, 'merged')]);
      run('umount', [layers]);
    }
  });

  test.skipIf(without('bindfs'))(
    'is observed where policy says so, and all of it ends when it is killed',
    async () => {
      policy('seen', 'observe = true\ncommand = ["bindfs", "-f", "{source}", "{target}"]');
      const {observer, sandbox} = mounted(tree, 'seen') as Record<string, {pid: number}>;
      expect(readFileSync(join(target, '7'), 'utf8')).toBe('7'.repeat(5000));
      process.kill(sandbox!.pid, 'SIGKILL');
      expect(await eventually(() => serverProcesses().every((pid) => others.includes(pid)), 5_000)).toBe(
        true,
      );
      expect(others).not.toContain(observer!.pid);
      expect(() => readdirSync(target)).toThrow(/ENOTCONN|ECONNABORTED/);
      unmount();
    },
  );

  test('has no network but what it is granted', () => {
    const links = 'tail -n +3 /proc/net/dev | wc -l >&2; exit 3';
    expect(said(links)).toMatch(/it says: 1 /);
  });
});

describe.skipIf(missing !== undefined)('what is wrong is told', () => {
  test.each([
    [
      'a program that is missing',
      'command = ["sshfs-x", "{target}"]',
      2,
      /no program sshfs-x in \/usr\/bin.*gone\.toml:2/,
    ],
    [
      'its own words',
      'command = ["sh", "-c", "echo no such luck >&2; exit 7", "{target}"]',
      1,
      /exited with status 7.*no such luck/,
    ],
    [
      'a file that it lacks',
      'command = ["sh", "-c", "cat /srv/none/x; exit 7", "{target}"]',
      1,
      /not granted \/srv\/none\/x; if it should be: \[server\] grants = \["ro:\/srv\/none\/x"\] in .*gone\.toml/,
    ],
    [
      'a grant that is not there',
      'grants = ["ro:/none/at-all"]\ncommand = ["sh", "{target}"]',
      1,
      /\/none\/at-all can't be opened.*gone\.toml:2/,
    ],
    [
      'a peer that it may not reach',
      'command = ["bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/443 || exit 6", "{target}"]',
      1,
      /exited with status 6.*; it is granted no network; if there should be more: \[server\] network = \["host:port"\] in .*gone\.toml/,
    ],
    [
      'an option that policy has to allow',
      `${ASKING} "fusermount3 -o allow_other \\"$1\\"", "sh", "{target}"]`,
      1,
      /exited with status 1 without having mounted anything; it was refused: option allow_other is not allowed: policy needs allow_other = true/,
    ],
    [
      'an option that nobody may have',
      `${ASKING} "fusermount3 -o rootcontext=x,frobnicate \\"$1\\"", "sh", "{target}"]`,
      1,
      /without having mounted anything; it was refused: unknown option 'frobnicate' \(/,
    ],
    [
      'another place than it was told',
      `${ASKING} "fusermount3 /mnt", "sh", "{target}"]`,
      1,
      /it was refused: it mounts on \/mnt, where its command has \{target\} for \/fuseward\/at\/target/,
    ],
    [
      'its own words, where nobody is left to tell of them',
      'way = "descriptor"\ncommand = ["sh", "-c", "echo bad superblock >&2; exit 7", "{target}"]',
      1,
      /the server died before the mount worked: .*; it says: bad superblock$/m,
    ],
    [
      'a program that is gone when its mount is there',
      `${ASKING} "fusermount3 \\"$1\\"; echo I leave >&2", "sh", "{target}"]`,
      1,
      /exited with status 0 before it served its mount.*; it says: I leave/,
    ],
  ])('%s', (_what, server, code, message) => {
    policy('gone', server, server.includes('fusermount3') ? 'allow_other = false\n' : '');
    const outcome = mount(join(dir, 'disk.img'), 'gone');
    expect(outcome.stderr).toMatch(message);
    expect(outcome.code).toBe(code);
  });

  test.skipIf(without('bindfs'))('what outlives its mount, by being ended', async () => {
    const lingering = `'''bindfs -f "$1" "$2"; exec sleep 1000'''`;
    policy('linger', `command = ["sh", "-c", ${lingering}, "sh", "{source}", "{target}"]`);
    mounted(tree, 'linger');
    unmount('--lazy');
    const alive = (): number[] => serverProcesses().filter((pid) => !others.includes(pid));
    expect(await eventually(() => names(alive()).includes('sleep'), 5_000)).toBe(true);
    // The connection may take a moment to go; the first look after that notes when.
    expect(
      await eventually(() => {
        sweepRecords(0);
        return alive().length === 0;
      }, 5_000),
    ).toBe(true);
  });

  test('a second mount, which is not to be had', async () => {
    const program = `grants = ["ro:${CHECKOUT}/test/support/hostile-command.py:/acts.py"]`;
    policy('twice', `${program}\ncommand = ["python3", "/acts.py", "twice", "{target}"]`);
    mounted(join(dir, 'disk.img'), 'twice');
    const told =
      'after the adapter: 1 fusermount3: mount failed: the program has its mount; a second one is not';
    const log = (): string => fuseward(['status', target]).stdout;
    expect(await eventually(() => log().includes(told), 5_000), log()).toBe(true);
    expect(leftovers(dir).mounts.length).toBe(before.mounts.length + 1);
    unmount();
  });

  test('a command that never mounts, at the deadline', () => {
    policy('never', 'command = ["sh", "-c", "sleep 1000", "{target}"]', 'deadline_seconds = 2\n');
    const {code, stdout} = mount(join(dir, 'disk.img'), 'never', '--json');
    expect(code).toBe(1);
    const {error} = JSON.parse(stdout) as {error: {code: string; message: string}};
    expect(error).toMatchObject({code: 'deadline'});
    expect(error.message).toContain('sh runs, but has not mounted anything');
    expect(sandboxed()).toEqual([]);
  });

  test('a link that a user could have put into the path of a grant', () => {
    mkdirSync(join(dir, 'users'));
    chownSync(join(dir, 'users'), ADA, ADA);
    spawnSync('ln', ['-s', '/etc', join(dir, 'users/link')]);
    policy('gone', `grants = ["ro:${dir}/users/link:/inside"]\ncommand = ["sh", "{target}"]`);
    expect(mount(join(dir, 'disk.img'), 'gone').stderr).toMatch(/symbolic link \(link\) that others/);
  });
});

describe.skipIf(without('squashfuse_ll') || without('mksquashfs') || without('bindfs'))(
  'what a user opened himself',
  () => {
    const adas = {uid: ADA, gid: ADA, cwd: '/', encoding: 'utf8'} as const;
    beforeEach(() => {
      chmodSync(dir, 0o755);
      chownSync(target, ADA, ADA);
      const rule = RULE.replace('"root"', '"*"');
      const squashfs =
        'force_options = ["ro"]\n[server]\ncommand = ["squashfuse_ll", "-f", "{source}", "{target}"]\n';
      writeFileSync(join(policies, 'squashfs.toml'), squashfs + rule);
      writeFileSync(
        join(policies, 'bindfs.toml'),
        `[server]\ncommand = ["bindfs", "--no-allow-other", "--force-user={uid}", "--force-group={gid}", "-f", "{source}", "{target}"]\n${rule}`,
      );
    });

    function order(source: string, type: string | undefined): Promise<MountResult> {
      const given = {source: openFd(source, O_RDONLY), target: openFd(target, O_PATH)};
      return performMount({
        ...{source, target, type, options: [], policyDirectory: policies, given, announce: false},
        ...{callerUid: ADA, callerGid: ADA, callerGroups: [ADA, GROUP]},
      });
    }

    test.each(['squashfs', undefined])('an image that only he may read, type %s', async (type) => {
      const image = join(dir, 'image');
      run('mksquashfs', [tree, image, '-quiet', '-no-progress']);
      chmodSync(image, 0o600);
      chownSync(image, ADA, ADA);
      // Without a type the rules of both decide.
      writeFileSync(join(policies, 'auto.toml'), RULE.replace('"root"', '"*"'));
      expect(await order(image, type)).toMatchObject({subtype: 'squashfs', readOnly: true});
      expect(spawnSync('diff', ['-r', tree, target], adas)).toMatchObject({status: 0, stdout: ''});
      unmount();
    });

    test('an image that a group lets him read', async () => {
      const image = join(dir, 'image');
      run('mksquashfs', [tree, image, '-quiet', '-no-progress']);
      chmodSync(image, 0o640);
      chownSync(image, 0, GROUP);
      expect(await order(image, 'squashfs')).toMatchObject({readOnly: true});
      expect(spawnSync('diff', ['-r', tree, target], adas)).toMatchObject({status: 0, stdout: ''});
      unmount();
    });

    test("a directory of his, and nothing of others' in it", async () => {
      const home = join(dir, 'home');
      mkdirSync(home, {mode: 0o700});
      writeFileSync(join(home, 'letter'), 'dear', {mode: 0o600});
      writeFileSync(join(home, 'of-root'), 'secret', {mode: 0o600});
      chownSync(home, ADA, ADA);
      chownSync(join(home, 'letter'), ADA, ADA);
      expect(await order(home, 'bindfs')).toMatchObject({readOnly: true});
      expect(spawnSync('cat', [join(target, 'letter')], adas).stdout).toBe('dear');
      expect(spawnSync('cat', [join(target, 'of-root')], adas).stderr).toMatch(/Permission denied/);
      unmount();
    });

    test('no directory of others, nor one with a mount in it, nor a device', async () => {
      await expect(order(tree, 'bindfs')).rejects.toMatchObject({code: 'source-kind'});
      const home = join(dir, 'home');
      mkdirSync(join(home, 'inner'), {recursive: true});
      chownSync(home, ADA, ADA);
      run('mount', ['-t', 'tmpfs', 'x', join(home, 'inner')]);
      try {
        await expect(order(home, 'bindfs')).rejects.toThrow(/something is mounted in it/);
      } finally {
        run('umount', [join(home, 'inner')]);
      }
      writeFileSync(join(dir, 'disk'), Buffer.alloc(65_536));
      const loop = run('losetup', ['--find', '--show', join(dir, 'disk')]).trim();
      try {
        await expect(order(loop, 'squashfs')).rejects.toThrow(
          /is a user's block device, and commands get devices from root alone: make an image file of it/,
        );
        await expect(order(dir, 'squashfs')).rejects.toThrow(/his own/);
      } finally {
        run('losetup', ['--detach', loop]);
      }
    });
  },
);

test.skipIf(missing !== undefined)('nothing is left of a mount command that is killed', async () => {
  policy('never', 'command = ["sh", "-c", "(sleep 1000 &); sleep 1000", "{target}"]');
  const args = ['mount', '--policy', policies, '--no-announce', '-t', 'never', join(dir, 'disk.img'), target];
  for (const afterMs of [150, 400, undefined]) {
    const {pid, ended} = startFuseward(args);
    // At any moment, and when the command runs.
    if (afterMs === undefined) expect(await eventually(() => sandboxed().length > 1, 20_000)).toBe(true);
    else await new Promise((resolve) => setTimeout(resolve, afterMs));
    process.kill(pid, 'SIGKILL');
    expect(await ended).toBeNull();
    // The last of it sees that nobody talks to it any more.
    expect(await eventually(() => sandboxed().length === 0, 5_000)).toBe(true);
  }
});
