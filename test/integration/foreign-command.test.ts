import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {stateDirectory} from '../../src/launch/state-directory.js';
import {CHECKOUT} from '../support/checkout.js';
import {run} from '../support/mounts.js';
import {fuseward, serverProcesses} from './command-support.js';
import {
  ADA,
  dir,
  missing,
  mount,
  mounted,
  others,
  policies,
  policy,
  said,
  target,
  title,
  tree,
  unmount,
  withGround,
  without,
} from './foreign-ground.js';

withGround();

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
    mkdirSync(join(dir, 'open'), {mode: 0o700});
    writeFileSync(join(dir, 'password'), 'sesame', {mode: 0o600});
    const server = `grants = ["ro:${dir}/keys:/inside", "rw:${dir}/open"]
environment = {COLOUR = "blue"}
secrets = {pw = "${dir}/password"}`;
    const script = `exec >&2
      echo "[$(cat /inside/a) $COLOUR $HOME $(id -un) $(ls /dev | tr "\\n" " ")$(ls / | tr "\\n" " ")]"
      (echo x > /inside/b) 2>/dev/null || echo kept; echo made > ${dir}/open/w; ls /proc/1/root/root ${dir}/policy.d 2>&1 | wc -l; exit 3`;
    policy('seen', `command = ["sh", "-c", '''${script}''', "sh", "{secret:pw}", "{target}"]\n${server}`);
    const {stderr} = mount(join(dir, 'disk.img'), 'seen');
    expect(stderr).toContain('[key blue /tmp fuseward ');
    expect(stderr).toContain('fd full fuse null random stderr stdin stdout urandom zero ');
    expect(stderr).not.toContain('home ');
    expect(stderr).toContain('kept');
    expect(readFileSync(join(dir, 'open/w'), 'utf8')).toBe('made\n');
    expect(statSync(join(dir, 'open/w')).uid).toBe(0);
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
    for (const name of ['lower', 'upper', 'spare', 'merged']) mkdirSync(join(layers, name));
    writeFileSync(join(layers, 'lower/image'), 'of a layer', {mode: 0o600});
    const options = `lowerdir=${layers}/lower,upperdir=${layers}/upper,workdir=${layers}/spare`;
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
    expect(said(links)).toMatch(/it says: 1$/m);
  });
});
