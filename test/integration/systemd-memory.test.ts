import {readFileSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {cannotContain} from '../support/contained-mount.js';
import {cannotRunSystemd, installUnits, type Systemd, startSystemd} from '../support/systemd/index.js';
import {mainPid, makeImage, mount, units, until} from './systemd-support.js';

const missing = cannotRunSystemd() ?? cannotContain();

describe.skipIf(missing !== undefined)(
  `a server that the kernel ends for its memory${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let systemd: Systemd;
    beforeAll(async () => {
      systemd = await startSystemd({limits: true});
      await installUnits(systemd);
      await makeImage(systemd, '/images/many.img', 3000);
      await systemd.ok(['systemctl', 'start', 'fuseward.service', 'fuseward-ext4.socket']);
    });
    afterAll(() => systemd?.stop());

    test('takes its mount along, and neither the manager nor another server', async () => {
      await makeImage(systemd, '/images/other.img');
      await mount(systemd, '/images/other.img', '/mnt/other');
      const [other] = await units(systemd, 'fuseward-ext4@*.service');
      await mount(systemd, '/images/many.img', '/mnt/many');
      const manager = await mainPid(systemd, 'fuseward.service');
      const server = (await units(systemd, 'fuseward-ext4@*.service')).find((name) => name !== other)!;
      const used = Number(await systemd.property(server, 'MemoryCurrent'));
      expect(used).toBeGreaterThan(10 * 2 ** 20);
      const most = `MemoryMax=${used + 2 ** 20}`;
      await systemd.ok(['systemctl', 'set-property', '--runtime', server, most]);
      await systemd.run(['sh', '-c', 'ls -lR /mnt/many; cat /mnt/many/*; ls -lR /mnt/many']);
      await until(
        'servers',
        () => units(systemd, 'fuseward-ext4@*.service'),
        (names) => names.length === 1,
      );
      expect(await systemd.journal(server)).toMatch(/status=9\/KILL/);
      await until(
        'the mount',
        async () => readFileSync(systemd.path('/proc/1/mounts'), 'utf8'),
        (text) => !text.includes('/mnt/many'),
      );
      expect(await mainPid(systemd, 'fuseward.service')).toBe(manager);
      expect(await systemd.ok(['cat', '/mnt/other/file1'])).toBe('/images/other.img 1');
      await systemd.ok(['fuseward', 'umount', '/mnt/other']);
      expect(await units(systemd, '*', 'failed')).toEqual([]);
    });
  },
);
