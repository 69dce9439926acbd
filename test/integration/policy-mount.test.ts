import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {CHECKOUT} from '../support/checkout.js';
import {run} from '../support/mounts.js';
import {type Bench, bench, fuseward, leftovers} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const missing = missingForMounts();
const HERE = 'target_owner = "anyone"\nsource_owner = "anyone"\naccess = "read-write"\n';
const ANYTHING = `[[allow]]\nusers = ["root"]\nsources = ["**"]\ntargets = ["**"]\n${HERE}`;
let place: Bench;
let policies: string;

/** Writes a policy file, and tells where a line of it is. */
function policy(name: string, text: string): (line: number) => string {
  const file = join(policies, `${name}.toml`);
  writeFileSync(file, text, {mode: 0o644});
  return (line) => `${file}:${line}`;
}

function mount(...args: string[]): ReturnType<typeof fuseward> {
  return fuseward(['mount', '--policy', policies, '-t', 'ext4', ...args]);
}

describe.skipIf(missing)(`a mount and its policy${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(() => {
    place = bench();
    policies = join(place.dir, 'policy.d');
    mkdirSync(policies, {mode: 0o755});
  });
  afterEach(() => {
    const left = leftovers(place.dir);
    // A test that failed half-way must not be in the way of others.
    for (const line of left.mounts) spawnSync('umount', ['--lazy', line.split(' ')[4]!]);
    place.remove();
    expect(left).toMatchObject({mounts: [], loops: []});
  });

  test('what no rule is for is denied to root too, with file and line, and nothing was started', () => {
    const line = policy(
      'ext4',
      `# uploads only\n\n[[allow]]\nusers = ["root"]\nsources = ["/srv/uploads/**"]\ntargets = ["**"]\n${HERE}`,
    );
    const {code, stderr} = mount(place.image, place.target);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `fuseward: can't mount ${place.image} on ${place.target}: policy denies it: the source ${place.image} is none of /srv/uploads/** (${line(3)})\n`,
    );
  });

  test('a link into an allowed directory does not help, nor does a link as target', () => {
    mkdirSync(join(place.dir, 'uploads'));
    symlinkSync(place.image, join(place.dir, 'uploads/disk.img'));
    symlinkSync(place.target, join(place.dir, 'uploads/mnt'));
    const only = `${place.dir}/uploads/*`;
    const rule = (sources: string, targets: string) =>
      policy('ext4', `[[allow]]\nusers=["root"]\nsources=["${sources}"]\ntargets=["${targets}"]\n${HERE}`);
    rule(only, '**');
    const source = mount(join(place.dir, 'uploads/disk.img'), place.target);
    expect(source.stderr).toContain(`policy denies it: the source ${place.image} is none of`);
    rule('**', only);
    const target = mount(place.image, join(place.dir, 'uploads/mnt'));
    expect(target.stderr).toContain(`policy denies it: the target ${place.target} is none of`);
  });

  test('options that policy forces and forbids', () => {
    const line = policy('ext4', 'force_options = ["ro", "noexec", "noatime"]\nforbid_options = ["sync"]\n');
    const refused = mount('-o', 'rw,sync', place.image, place.target);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`policy denies it: option "sync" is forbidden (${line(2)})`);
    const made = mount('--json', '-o', 'rw,exec,strictatime', place.image, place.target);
    expect(made.stderr).toBe('');
    expect(JSON.parse(made.stdout)).toMatchObject({readOnly: true, rule: {line: 4}});
    const shown = run('findmnt', ['--noheadings', '--mountpoint', place.target, '--output', 'OPTIONS']);
    expect(shown.trim().split(',')).toEqual(
      expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec', 'noatime']),
    );
    // The record keeps which rule it was.
    const status = fuseward(['status', place.target]).stdout;
    expect(status).toMatch(/^allowed by: .*\/policy\/ext4\.toml:4$/m);
    expect(fuseward(['umount', place.target]).code).toBe(0);
  });

  test('without -t the rules of what is found must allow it too', () => {
    const line = policy('ext4', `[[allow]]\nusers=["root"]\nsources=["/srv/**"]\ntargets=["**"]\n${HERE}`);
    const refused = fuseward(['mount', '--policy', policies, place.image, place.target]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      `policy denies it: the source ${place.image} is none of /srv/** (${line(1)})`,
    );
  });

  test('a type that no file is for is denied where it is served, and has no driver where it is not', () => {
    expect(fuseward(['mount', '-t', 'nowhere', place.image, place.target])).toMatchObject({code: 2});
    policy('nowhere', 'allow = []\n[server]\ncommand = ["/bin/true"]\n');
    const denied = fuseward([
      'mount',
      '--policy',
      policies,
      '-t',
      'nowhere',
      '--json',
      place.image,
      place.target,
    ]);
    expect(denied.code).toBe(1);
    expect(JSON.parse(denied.stdout).error).toMatchObject({code: 'policy-denied', errno: 'EPERM'});
  });

  test('a broken file refuses every mount of its type, and tells all that is wrong', () => {
    const line = policy('ext4', 'lop = "never"\n[server]\ntasks = 1\n');
    const {code, stderr} = mount(place.image, place.target);
    expect(code).toBe(1);
    expect(stderr).toContain(`${line(1)}: lop is not known; did you mean loop?`);
    expect(stderr).toContain(`${line(3)}: server.tasks must be a whole number from 16 to 4096`);
  });

  test('explain says what the mount then meets with, and mounts nothing', () => {
    policy(
      'ext4',
      `loop = "never"\n[[allow]]\nusers=["root"]\nsources=["${place.dir}/*"]\ntargets=["**"]\ntarget_owner="anyone"\n`,
    );
    const explain = (...args: string[]) =>
      fuseward(['policy', 'explain', '--policy', policies, '-t', 'ext4', ...args, place.image, place.target]);
    const writable = explain();
    expect(writable.code).toBe(1);
    const reason = /^denied: (.*)$/m.exec(writable.stdout)![1]!;
    expect(mount(place.image, place.target).stderr).toContain(`policy denies it: ${reason}`);
    expect(explain('--user', 'nobody').stdout).toContain('denied: the rule is for root, not for nobody');

    const allowed = explain('-o', 'ro', '--json');
    expect(allowed.code).toBe(0);
    const {settings, facts, decision} = JSON.parse(allowed.stdout);
    expect(facts).toMatchObject({
      source: {path: place.image, bytes: 8 * 2 ** 20, kind: 'file'},
      readOnly: true,
    });
    expect(decision).toMatchObject({allowed: true, origin: {line: 2}});
    const loop = settings.find(({key}: {key: string}) => key === 'loop');
    expect(loop).toEqual({key: 'loop', value: 'never', origin: {file: join(policies, 'ext4.toml'), line: 1}});
    const made = mount('--json', '-o', 'ro', place.image, place.target);
    expect(JSON.parse(made.stdout)).not.toHaveProperty('loopDevice');
    expect(fuseward(['umount', place.target]).code).toBe(0);
  });

  test('check tells all that is wrong in a directory, and fails', () => {
    const line = policy('ext4', 'iomap = "maybe"\n[containment]\nrequired = ["seccmp"]\n');
    policy('raw', 'loop = "auto"\n');
    writeFileSync(join(policies, 'notes.txt'), 'not for the program');
    const {code, stdout} = fuseward(['policy', 'check', policies]);
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      `${line(1)}: iomap must be one of "allow", "deny", "require"`,
      expect.stringContaining(`${line(3)}: containment.required must be a list of points out of user, `),
      `${join(policies, 'raw.toml')}: ok`,
      expect.stringMatching(/^warning: .*notes\.txt: is not read/),
      '',
    ]);
    expect(fuseward(['policy', 'check', join(policies, 'raw.toml')]).code).toBe(0);
  });

  test('check warns of types that required landlock leaves no mount of', () => {
    const line = policy('defaults', '[containment]\nrequired = ["user", "landlock"]\n');
    policy('granted', '[server]\ncommand = ["true", "{source}", "{target}"]\nnetwork = ["a.example:22"]\n');
    policy('spared', '[server]\ncommand = ["true", "{target}"]\n[containment]\nrequired = ["user"]\n');
    policy(
      'alone',
      '[server]\ncommand = ["true", "{source}", "{target}"]\n[[allow]]\nusers = ["root"]\nsources = ["**"]\ntargets = ["**"]\n',
    );
    const {code, stdout} = fuseward(['policy', 'check', policies]);
    expect(code).toBe(0);
    const [, types = ''] =
      /: containment\.required has landlock, which a command has only with a network; mounts of (.*) are refused$/m.exec(
        stdout,
      ) ?? [];
    expect(stdout).toContain(`warning: ${line(2)}: containment.required has landlock`);
    expect(types.split(', ')).toEqual(expect.arrayContaining(['alone', 'bindfs', 'squashfs']));
    for (const spared of ['granted', 'spared', 'ext4', 'auto'])
      expect(types.split(', ')).not.toContain(spared);
    expect(fuseward(['policy', 'check', join(policies, 'nowhere')])).toMatchObject({
      code: 1,
      stderr: `fuseward: can't check ${join(policies, 'nowhere')}: there is no such file or directory\n`,
    });
  });

  test('units get the limits of the policy', () => {
    policy(
      'ext4',
      '[server]\nmemory_bytes = 536870912\ntasks = 48\ncpu_percent = 150\ncache_bytes = 4194304\n',
    );
    const units = join(place.dir, 'units');
    expect(fuseward(['policy', 'units', '--policy', policies, '--write', units]).code).toBe(0);
    const text = readFileSync(join(units, 'fuseward-ext4@.service.d/50-policy.conf'), 'utf8');
    const values = Object.fromEntries(text.split('\n').map((each) => each.split(/=(.*)/s)));
    expect(values).toMatchObject({
      MemoryMax: '536870912',
      LimitDATA: '536870912',
      TasksMax: '48',
      LimitNPROC: '48',
      CPUQuota: '150%',
      Environment: 'HEAP_MIB=128 CACHE_BYTES=4194304 BUSY_POLL=50',
    });
  });

  test('settings reach the device, the server and its limits', () => {
    policy('ext4', 'block_size = 512\nloop = "always"\n[server]\ntasks = 16\ndriver = "builtin"\n');
    const made = mount('--json', place.image, place.target);
    expect(made.stderr).toBe('');
    const {loopDevice, serverPid, kind} = JSON.parse(made.stdout);
    expect(kind).toBe('embedded');
    expect(run('blockdev', ['--getbsz', loopDevice]).trim()).toBe('512');
    const limits = readFileSync(`/proc/${serverPid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max processes\s+16\s+16\s/m);
    // With so few it does its work all the same.
    expect(run('ls', [place.target])).toContain('struct.ts');
    expect(fuseward(['umount', place.target]).code).toBe(0);
    policy('ext4', 'block_size = 2048\n');
    const other = JSON.parse(mount('--json', place.image, place.target).stdout);
    expect(run('blockdev', ['--getbsz', other.loopDevice]).trim()).toBe('2048');
    expect(fuseward(['umount', place.target]).code).toBe(0);
  });

  const withoutPython = existsSync('/usr/bin/python3') ? '' : ' (without /usr/bin/python3)';
  test.skipIf(withoutPython)(`a program of the administrator’s serves a type${withoutPython}`, () => {
    const program = join(place.dir, 'seen-server');
    copyFileSync(join(CHECKOUT, 'test/support/seen-server.py'), program);
    // Whom its user id can't reach it, it can't be executed by.
    chmodSync(place.dir, 0o755);
    chmodSync(program, 0o755);
    policy('seen', `[server]\ncommand = ["${program}"]\ntasks = 16\n${ANYTHING}`);
    const made = fuseward(['mount', '--policy', policies, '-t', 'seen', '--json', place.image, place.target]);
    expect(made.stderr).toBe('');
    const {type, serverPid} = JSON.parse(made.stdout);
    expect(type).toBe('fuse.seen');
    const seen = JSON.parse(readFileSync(join(place.target, 'seen'), 'utf8'));
    const {uid, root} = seen;
    expect(seen).toMatchObject({pid: 1, passwd: false});
    expect(uid).toBeGreaterThan(65_536);
    for (const name of ['dev', 'etc', 'home', 'proc', 'root', 'run', 'sys', 'var']) {
      expect(root).not.toContain(name);
    }
    const status = readFileSync(`/proc/${serverPid}/status`, 'utf8');
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s`, 'm'));
    expect(fuseward(['umount', place.target]).code).toBe(0);
    // It holds to the program's protocol alone: what a server of ours adds can be demanded all the same.
    policy('seen', `[containment]\nrequired = ["landlock"]\n[server]\ncommand = ["${program}"]\n${ANYTHING}`);
    const bare = fuseward(['mount', '--policy', policies, '-t', 'seen', place.image, place.target]);
    expect(bare.code).toBe(1);
    expect(bare.stderr).toContain('landlock');
  });
});
