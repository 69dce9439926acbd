import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import type {ContainmentReport} from '../../src/cli/doctor/containment.js';
import {cannotContain, fuseward} from '../support/contained-mount.js';
import {bench} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const missing = missingForMounts() ?? cannotContain();

let policy: string;
beforeEach(() => {
  policy = mkdtempSync(join(tmpdir(), 'fuseward-policy-'));
});
afterEach(() => rmSync(policy, {recursive: true}));

function withoutCompilers(): string {
  writeFileSync(join(policy, 'defaults.toml'), '[server]\njitless = true\n', {mode: 0o644});
  return policy;
}

function probe(...options: string[]): ContainmentReport & {status: number | null} {
  const {status, stdout, stderr} = fuseward('doctor', '--containment', '--json', ...options);
  expect(stderr).toBe('');
  return {status, ...JSON.parse(stdout)};
}

/** What stopped each act at last. */
function lockedBy(report: ContainmentReport): Record<string, string | undefined> {
  return Object.fromEntries(report.acts.map(({act, stages}) => [act, stages.locked]));
}

describe.skipIf(missing !== undefined)(
  `what a contained process can do${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    test('of eighty forbidden acts none gets through', () => {
      const report = probe();
      expect(report.acts.filter(({verdict}) => verdict === 'not-stopped')).toEqual([]);
      expect(report).toMatchObject({status: 0, held: true, complete: true});
      expect(report.acts.length).toBeGreaterThan(80);
      expect(report.acts.filter(({verdict}) => verdict === 'granted').map(({act}) => act)).toEqual([
        'make memory executable that it wrote',
      ]);
      // Limits and access modes hold where the filter lets the call through.
      expect(lockedBy(report)).toMatchObject({
        'open /etc/passwd': 'seccomp',
        'execute a program': 'seccomp',
        'kill another server': 'seccomp',
        'write to the image, opened read-only': expect.stringContaining('EBADF'),
        'take memory without end': expect.stringContaining('ENOMEM'),
        'start threads without end': expect.stringContaining('EAGAIN'),
        'fill the log': expect.stringContaining('EFBIG'),
      });
      expect(report.logBytes).toBeLessThanOrEqual(262_144);
      expect(JSON.parse(report.breadcrumb!)).toMatchObject({systemCall: 'socket'});
    });

    test('the sandbox alone already keeps it from others, so that the filter is the second wall', () => {
      const stages = Object.fromEntries(probe().acts.map(({act, stages: each}) => [act, each.sandbox]));
      expect(stages).toMatchObject({
        'open /etc/passwd': expect.stringContaining('ENOENT'),
        "read another server's memory": expect.stringContaining('ESRCH'),
        'signal the manager': expect.stringContaining('ESRCH'),
        'kill another server': expect.stringContaining('ESRCH'),
        "connect to a manager's socket": expect.stringContaining('ENOENT'),
        'connect to an abstract socket of the machine': expect.stringContaining('ECONNREFUSED'),
        'mount a file system': expect.stringContaining('EPERM'),
        'give itself every capability': expect.stringContaining('EPERM'),
        'set up io_uring': expect.stringContaining('ENOSYS'),
      });
    });

    test('without compilers it makes no memory executable', () => {
      const report = probe('--policy', withoutCompilers());
      expect(report).toMatchObject({status: 0, held: true, complete: true});
      expect(report.acts.filter(({verdict}) => verdict !== 'stopped')).toEqual([]);
    });

    test('without compilers an image is served all the same', () => {
      const place = bench();
      try {
        mkdirSync(place.target, {recursive: true});
        const options = ['--policy', withoutCompilers(), '-t', 'ext4', '--json'];
        const {status, stdout, stderr} = fuseward('mount', ...options, place.image, place.target);
        expect({status, stderr}).toEqual({status: 0, stderr: ''});
        const {serverPid} = JSON.parse(stdout) as {serverPid: number};
        const flags = readFileSync(`/proc/${serverPid}/cmdline`, 'latin1').split('\0');
        const maps = readFileSync(`/proc/${serverPid}/maps`, 'latin1').split('\n');
        expect(flags).toContain('--jitless');
        // By the kernel's word: what is executable has a file behind it, or is the kernel's own.
        const executable = maps.filter((line) => /^\S+ ..x/.test(line) && !/\s(\/|\[v)/.test(line));
        expect(executable).toEqual([]);
        expect(maps.filter((line) => /^\S+ .wx/.test(line))).toEqual([]);
        expect(fuseward('umount', place.target)).toMatchObject({status: 0});
      } finally {
        place.remove();
      }
    });
  },
);
