import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {CHECKOUT} from '../support/checkout.js';
import {cannotRunSystemd, type Systemd, startSystemd} from '../support/systemd/index.js';

const missing = cannotRunSystemd();
const PACKAGE = '/opt/fuseward';
/** What an installed package has and "install" and mounts need. */
const PARTS = ['package.json', 'bin', 'dist', 'policy', 'units', 'packaging', 'man', 'completions'];
const MODULES = ['koffi', '@koromix'];

describe.skipIf(missing !== undefined)(
  `"fuseward install" where systemd runs${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let systemd: Systemd;
    const fuseward = (...args: string[]) => systemd.run([`${PACKAGE}/bin/fuseward`, ...args]);
    beforeAll(async () => {
      systemd = await startSystemd();
      await systemd.ok(['mkdir', '-p', `${PACKAGE}/node_modules`]);
      await systemd.ok(['cp', '-a', ...PARTS.map((name) => join(CHECKOUT, name)), PACKAGE]);
      const modules = MODULES.map((name) => join(CHECKOUT, 'node_modules', name));
      await systemd.ok(['cp', '-a', ...modules, `${PACKAGE}/node_modules`]);
      // The machine that runs the tests may have a package installed.
      await systemd.ok(['rm', '-rf', '/var/lib/fuseward', '/etc/fuseward', '/usr/local/lib/systemd/system']);
    });
    afterAll(() => systemd?.stop());

    test('its units serve a mount at once, from where the package lies, and uninstall leaves nothing', async () => {
      const installed = await fuseward('install');
      expect(installed).toMatchObject({status: 0, stderr: ''});
      expect(installed.stdout).toMatch(/^ran systemctl daemon-reload$/m);
      expect((await systemd.systemctl('cat', 'fuseward-ext4@.service')).stdout).toContain(
        `${PACKAGE}/dist/sandbox/server.js`,
      );
      expect(await systemd.ok(['getent', 'group', 'fuseward'])).toMatch(/^fuseward:/);

      await systemd.ok(['systemctl', 'enable', '--now', 'fuseward-ext4.socket']);
      await systemd.ok(['mkdir', '-p', '/tmp/tree', '/mnt/install']);
      await systemd.ok(['sh', '-c', 'echo read >/tmp/tree/file']);
      await systemd.ok(['mke2fs', '-q', '-t', 'ext4', '-d', '/tmp/tree', '/tmp/disk.img', '8M']);
      await systemd.ok(['mount', '-t', 'fuseward.ext4', '-o', 'ro', '/tmp/disk.img', '/mnt/install']);
      expect(await systemd.ok(['cat', '/mnt/install/file'])).toBe('read\n');
      const units = (await systemd.systemctl('list-units', '--plain', '--no-legend', 'fuseward-ext4@*'))
        .stdout;
      expect(units).toMatch(/^fuseward-ext4@\S+\.service\s+loaded active running/m);
      await systemd.ok(['umount', '/mnt/install']);

      expect(await fuseward('uninstall')).toMatchObject({status: 0, stderr: ''});
      expect((await systemd.systemctl('is-active', 'fuseward-ext4.socket')).stdout).not.toBe('active\n');
      const left = ['find', '/usr/local', '/etc', '/sbin/', '/var/lib', '-xdev', '-name', '*fuseward*'];
      const traces = (await systemd.ok(left)).split('\n').filter((path) => !/fuseward-test/.test(path));
      expect(traces.filter((path) => path !== '')).toEqual([]);
    });
  },
);
