import {spawnSync} from 'node:child_process';
import {chownSync, mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {sweepRecords} from '../../src/launch/record-sweep.js';
import {CHECKOUT} from '../support/checkout.js';
import {fuseward, leftovers, serverProcesses, startFuseward} from './command-support.js';
import {
  ADA,
  ASKING,
  before,
  dir,
  missing,
  mount,
  mounted,
  names,
  others,
  policies,
  policy,
  sandboxed,
  target,
  tree,
  unmount,
  withGround,
  without,
} from './foreign-ground.js';

withGround();

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
      /without having mounted anything; it was refused: unknown option 'frobnicate'$/m,
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
      /the server died before the mount worked; it says: bad superblock$/m,
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
    expect(error.message).toContain('; it had 2 s (deadline_seconds)');
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
