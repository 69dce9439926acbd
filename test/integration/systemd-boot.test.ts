import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {CHECKOUT} from '../support/checkout.js';
import {cannotRunSystemd, type Systemd, startSystemd} from '../support/systemd/index.js';

const missing = cannotRunSystemd();

describe.skipIf(missing !== undefined)(
  `systemd in namespaces${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let systemd: Systemd;
    let sysctl: string;
    beforeAll(async () => {
      sysctl = readFileSync('/proc/sys/fs/nr_open', 'utf8');
      systemd = await startSystemd();
    });
    afterAll(() => systemd?.stop());

    test('is process 1 and has no failed unit', async () => {
      expect(await systemd.ok(['cat', '/proc/1/comm'])).toBe('systemd\n');
      expect((await systemd.systemctl('list-units', '--failed', '--plain', '--no-legend')).stdout).toBe('');
    });

    test('runs a service as a dynamic user who reads the program and runs Node', async () => {
      const program = '/usr/lib/fuseward/bin/fuseward';
      const script = `const fs = require('fs'); console.log(process.getuid(), fs.readFileSync('${program}').length)`;
      const said = await systemd.runUnit(['DynamicUser=yes'], ['node', '-e', script]);
      const [uid, length] = said.trim().split(' ').map(Number);
      expect(uid).toBeGreaterThanOrEqual(61184);
      expect(uid).toBeLessThanOrEqual(65519);
      expect(length).toBe(readFileSync(join(CHECKOUT, 'bin/fuseward')).length);
    });

    test('has the program where a package puts it', async () => {
      expect(await systemd.ok(['fuseward', '--version'])).toMatch(/^(fuseward )?\d/);
    });

    test('keeps what a unit says', async () => {
      await systemd.ok(['systemd-run', '--service-type=oneshot', '--unit=speaker', 'echo', 'said it']);
      expect(await systemd.journal('speaker')).toContain('said it\n');
    });

    test('leaves nothing on the machine', async () => {
      const second = await startSystemd();
      await second.ok(['sh', '-c', 'echo changed > /etc/fuseward-was-here; sleep 1000 > /dev/null 2>&1 &']);
      const {pid} = second;
      await second.stop();
      expect(existsSync('/etc/fuseward-was-here')).toBe(false);
      expect(readFileSync('/proc/sys/fs/nr_open', 'utf8')).toBe(sysctl);
      expect(readdirSync('/dev').filter((name) => ['log', 'initctl'].includes(name))).toEqual([]);
      expect(existsSync(`/proc/${pid}`)).toBe(false);
    });
  },
);
