import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {ContainmentReport} from '../../src/cli/doctor/containment.js';
import {cannotRunSystemd, type Systemd, startSystemd} from '../support/systemd/index.js';

const missing = cannotRunSystemd();
const PATIENCE_MS = 120_000;

describe.skipIf(missing !== undefined)(
  `what a contained service can do${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let systemd: Systemd;
    beforeAll(async () => {
      systemd = await startSystemd();
      const units = '/usr/lib/fuseward/units';
      await systemd.ok(['sh', '-c', `cp -r ${units}/*.service ${units}/*.socket /etc/systemd/system/`]);
      await systemd.run(['systemd-tmpfiles', '--create', `${units}/tmpfiles.d/fuseward.conf`]);
      await systemd.ok(['systemctl', 'daemon-reload']);
    }, PATIENCE_MS);
    afterAll(async () => {
      await systemd?.stop();
    });

    test(
      'of eighty forbidden acts none gets through',
      async () => {
        const command = [
          '/usr/bin/fuseward',
          'doctor',
          '--containment',
          '--unit',
          'fuseward-ext4@',
          '--json',
        ];
        const {stdout, stderr, status} = await systemd.run(command, {timeoutMs: PATIENCE_MS});
        expect({status, stderr}).toEqual({status: 0, stderr: ''});
        const report = JSON.parse(stdout) as ContainmentReport;
        expect(report.acts.filter(({verdict}) => verdict === 'not-stopped')).toEqual([]);
        expect(report).toMatchObject({held: true, complete: true, launcher: 'fuseward-ext4@'});
        expect(report.acts.length).toBeGreaterThan(80);
        const locked = Object.fromEntries(report.acts.map(({act, stages}) => [act, stages.locked]));
        expect(locked).toMatchObject({
          'open /etc/passwd': 'seccomp',
          'take memory without end': expect.stringContaining('ENOMEM'),
          'start threads without end': expect.stringContaining('EAGAIN'),
        });
        // The unit alone keeps it from other servers.
        const sandbox = Object.fromEntries(report.acts.map(({act, stages}) => [act, stages.sandbox]));
        expect(sandbox).toMatchObject({
          'open /etc/passwd': expect.stringContaining('ENOENT'),
          'kill another server': expect.stringContaining('EPERM'),
          "read another server's memory": expect.stringMatching(/EPERM|ESRCH/),
          'make an internet socket': expect.stringMatching(/EPERM|EAFNOSUPPORT/),
        });
        // What a forbidden call leaves, as the journal has it.
        expect(JSON.parse(report.breadcrumb!)).toMatchObject({systemCall: 'socket'});
      },
      PATIENCE_MS,
    );

    test(
      'without compilers, in a unit that denies it, nothing becomes executable',
      async () => {
        const dropIns = '/etc/systemd/system/fuseward-ext4@.service.d';
        const unit = await systemd.ok(['cat', '/etc/systemd/system/fuseward-ext4@.service']);
        const start = /^ExecStart=(\S+) (.*)$/m.exec(unit)!;
        const lines = [
          '[Service]',
          'MemoryDenyWriteExecute=yes',
          'ExecStart=',
          `ExecStart=${start[1]} --jitless ${start[2]}`,
        ];
        await systemd.ok(['mkdir', '-p', dropIns]);
        await systemd.run(['tee', `${dropIns}/hardened.conf`], {input: `${lines.join('\n')}\n`});
        await systemd.ok(['systemctl', 'daemon-reload']);
        const command = [
          '/usr/bin/fuseward',
          'doctor',
          '--containment',
          '--unit',
          'fuseward-ext4@',
          '--json',
        ];
        const {stdout, stderr, status} = await systemd.run(command, {timeoutMs: PATIENCE_MS});
        expect({status, stderr}).toEqual({status: 0, stderr: ''});
        const report = JSON.parse(stdout) as ContainmentReport;
        const act = report.acts.find(({act: name}) => name === 'make memory executable that it wrote');
        expect(act).toMatchObject({
          verdict: 'stopped',
          // The unit's filter first, then the server's.
          stages: {sandbox: expect.stringContaining('EPERM'), locked: 'seccomp'},
        });
        // The handler of a forbidden call is code that was never writable.
        expect(JSON.parse(report.breadcrumb!)).toMatchObject({systemCall: 'socket'});
      },
      PATIENCE_MS,
    );

    test('nothing of the probe is left', async () => {
      const units = await systemd.ok([
        'systemctl',
        'list-units',
        '--all',
        '--plain',
        '--no-legend',
        '*fuseward-probe*',
      ]);
      const files = await systemd.ok(['sh', '-c', 'ls /run/systemd/system /tmp']);
      expect(units).toBe('');
      expect(files).not.toContain('probe');
    });
  },
);
