import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, describe, expect, test} from 'vitest';
import {eventually} from '../../../src/helper/cleanup.js';
import {CommandUnit} from '../../../src/launch/command-unit.js';
import {loadPolicy} from '../../../src/policy/index.js';
import {run} from '../../support/mounts.js';

/** Nobody's. */
const UID = 1_946_157_998;
const missing = process.getuid?.() === 0 ? undefined : 'not root';
const {server} = loadPolicy('ext4', '/nonexistent');
const MOUNT = {
  source: {kind: 'name', path: 'host:dir'},
  readOnly: true,
  callerUid: 0,
  callerGid: 0,
  target: 'directory',
} as const;

describe.skipIf(missing !== undefined)(
  `what is no unit of ours gets nothing${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let child: ChildProcess | undefined;
    afterEach(() => child?.kill('SIGKILL'));

    const furnish = (pid: number | undefined, uid: number | undefined): Promise<unknown> => {
      const policy = {...server, command: ['sh', '{source}', '{target}']};
      return new CommandUnit('mine', policy, MOUNT).furnish({pid, uid});
    };
    const asUser = ['setpriv', '--reuid', `${UID}`, '--regid', `${UID}`, '--clear-groups', 'sleep', '60'];
    const started = async (words: readonly string[]): Promise<number> => {
      child = spawn(words[0]!, words.slice(1), {stdio: 'ignore'});
      const {pid} = child;
      await eventually(() => readlinkSync(`/proc/${pid}/exe`).endsWith('/sleep'), 5_000);
      return pid!;
    };

    test('a process of root, or one that is not known', async () => {
      await expect(furnish(undefined, UID)).rejects.toThrow(/the unit's process is root/);
      await expect(furnish(process.pid, undefined)).rejects.toThrow(/the unit's process is root/);
    });

    test("a process of this machine's own mount namespace", async () => {
      await expect(furnish(await started(asUser), UID)).rejects.toThrow(/no mount namespace of its own/);
    });

    test('another user', async () => {
      await expect(furnish(await started(['sleep', '60']), UID)).rejects.toThrow(/no such process/);
    });

    test("a namespace that shows the machine's own directories, where nothing is made", async () => {
      const pid = await started(['unshare', '--mount', ...asUser]);
      await expect(furnish(pid, UID)).rejects.toThrow(/no \/etc in memory/);
      expect(existsSync('/fuseward')).toBe(false);
      expect(existsSync(`/proc/${pid}/root/fuseward`)).toBe(false);
    });

    test('a place that would have to be made in a directory of the machine', async () => {
      const machine = mkdtempSync(join(tmpdir(), 'fuseward-unit-'));
      const script = `mount -t tmpfs root /mnt && cd /mnt && mkdir usr bin lib lib64 etc srv proc
        for name in usr bin lib lib64; do mount --bind /$name $name; done
        mount --bind ${machine} srv && mount -t proc proc proc && exec chroot /mnt "$@"`;
      const pid = await started(['unshare', '--mount', 'sh', '-euc', script, 'sh', ...asUser]);
      const grants = [{path: '/usr', place: '/srv/new', writable: false}];
      const command = ['sh', '{source}', '{target}'];
      const unit = new CommandUnit('mine', {...server, command, grants}, MOUNT);
      try {
        await expect(unit.furnish({pid, uid: UID})).rejects.toThrow('the unit has no place for /srv/new');
        expect(readdirSync(machine)).toEqual([]);
        expect(readdirSync(`/proc/${pid}/root/fuseward`).sort()).toEqual(['at', 'bin']);
      } finally {
        unit.kill();
        unit.close();
        rmSync(machine, {recursive: true});
      }
    });

    test('and whoever else has its user id is left alone', async () => {
      const other = spawn(asUser[0]!, asUser.slice(1), {stdio: 'ignore'});
      try {
        const unit = new CommandUnit('mine', {...server, command: ['sh', '{target}']}, MOUNT);
        const pid = await started(['unshare', '--mount', ...asUser]);
        await expect(unit.furnish({pid, uid: UID})).rejects.toThrow();
        unit.kill();
        expect(await eventually(() => child?.signalCode === 'SIGKILL', 5_000)).toBe(true);
        expect([other.exitCode, other.signalCode]).toEqual([null, null]);
        unit.close();
      } finally {
        other.kill('SIGKILL');
      }
    });

    test('an /etc in memory that has a file of this name already', async () => {
      const script = 'mount -t tmpfs etc /etc && echo mine > /etc/passwd && exec "$@"';
      const pid = await started(['unshare', '--mount', 'sh', '-c', script, 'sh', ...asUser]);
      await expect(furnish(pid, UID)).rejects.toThrow(/the unit has its own \/etc\/passwd/);
      expect(run('cat', [`/proc/${pid}/root/etc/passwd`])).toBe('mine\n');
    });
  },
);
