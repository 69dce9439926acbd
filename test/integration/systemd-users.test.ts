import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {cannotContain} from '../support/contained-mount.js';
import {cannotRunSystemd, installUnits, type Systemd, startSystemd} from '../support/systemd/index.js';

const missing = cannotRunSystemd() ?? cannotContain();
const UID = 12_345;
const RULE = `[[allow]]
users = ["${UID}"]
sources = ["**"]
source_owner = "caller"
targets = ["**"]
target_owner = "caller"
access = "read-only"
`;

describe.skipIf(missing)(
  `mounts of ordinary users under systemd${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let systemd: Systemd;
    const sh = (script: string): Promise<string> => systemd.ok(['sh', '-ec', script]);
    const asUser = (...command: string[]) =>
      systemd.run(['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '--', ...command]);

    beforeAll(async () => {
      systemd = await startSystemd();
      await installUnits(systemd);
      await sh(`mkdir -p /etc/fuseward/policy.d /tmp/home/mnt; chmod 755 /etc/fuseward /etc/fuseward/policy.d
      printf '%s' '${RULE}' >/etc/fuseward/policy.d/ext4.toml
      truncate -s 2M /tmp/home/disk.img; mke2fs -q -t ext4 -O ^has_journal /tmp/home/disk.img
      chown -R ${UID}:${UID} /tmp/home`);
    });
    afterAll(() => systemd?.stop());

    test('the first one starts the manager in its unit; server and mount outlive a restart of it', async () => {
      const {status, stderr} = await systemd.systemctl('start', 'fuseward-mount.socket');
      expect({status, stderr}).toEqual({status: 0, stderr: ''});
      expect(await sh('stat -c "%a %U" /run/fuseward/mount.sock')).toBe('666 root\n');
      const made = await asUser('fuseward', 'mount', '-t', 'ext4', '/tmp/home/disk.img', '/tmp/home/mnt');
      expect({
        ...made,
        journal: made.status === 0 ? '' : await systemd.journal('fuseward.service'),
      }).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect((await asUser('ls', '/tmp/home/mnt')).stdout).toContain('lost+found');
      await systemd.systemctl('restart', 'fuseward.service');
      expect((await asUser('ls', '/tmp/home/mnt')).stdout).toContain('lost+found');
      expect(await asUser('fuseward', 'umount', '/tmp/home/mnt')).toMatchObject({status: 0, stderr: ''});
      expect(await sh('grep -c /tmp/home/mnt /proc/self/mountinfo || true')).toBe('0\n');
    });
  },
);
