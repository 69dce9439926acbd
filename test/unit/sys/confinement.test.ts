import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {chmodSync, existsSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {afterEach, beforeEach, test} from 'vitest';
import {kernelFeatures} from '../../../src/sys/kernel.js';
import {landlockAbi} from '../../../src/sys/landlock.js';
import {bundled} from './bundle.js';
import {isRoot, scratchDirectory} from './scratch.js';

const landlockTest = test.skipIf(landlockAbi() === 0);
const noSeccomp = !kernelFeatures().seccompActions.includes('kill_process');
const seccompTest = test.skipIf(noSeccomp);

let directory: string;
beforeEach(() => {
  directory = scratchDirectory();
  chmodSync(directory, 0o777);
  writeFileSync(join(directory, 'file'), 'content');
});
afterEach(() => rmSync(directory, {recursive: true}));

/** Runs a scenario of confined-child.ts; what it printed, line by line, and how it ended. */
async function confined(scenario: string, ids: {uid?: number; gid?: number} = {}) {
  const script = await bundled('confined-child.ts');
  chmodSync(dirname(script), 0o755);
  const child = spawnSync(process.execPath, [script, scenario, directory], {
    encoding: 'utf8',
    timeout: 30_000,
    ...ids,
  });
  const lines = child.stdout.split('\n').filter(Boolean);
  return {
    reports: lines.map((line) => JSON.parse(line)),
    signal: child.signal,
    status: child.status,
    stderr: child.stderr,
  };
}

landlockTest(
  'with Landlock nothing opens any more, but what is open reads on (skipped without Landlock)',
  async () => {
    const {reports, status, stderr} = await confined('landlock');
    assert.equal(status, 0, stderr);
    const [report] = reports;
    assert.equal(report.result.abi, landlockAbi());
    assert.equal(report.noNewPrivs, true);
    for (const what of ['read', 'list', 'write', 'mkdir', 'proc']) assert.equal(report[what], 'EACCES', what);
    assert.deepEqual(report.opened, [7, 'content']);
    assert.equal(report.stat, 'ok', 'stat(2) is no right of Landlock');
    assert.equal(existsSync(join(directory, 'new')), false);
    if (report.result.abi >= 3) assert.equal(report.truncate, 'EACCES');
    if (report.result.abi >= 4) assert.equal(report.connect, 'EACCES');
    if (report.result.abi >= 6) assert.equal(report.signal, 'EPERM');
    // Whether the other threads are confined is said truly.
    assert.equal(report.result.threads, report.poolThread === 'ok' ? 'calling' : 'all');
  },
);

test.skipIf(landlockAbi() < 4)(
  'TCP ports that are left are connected to, and no others (skipped before Landlock ABI 4)',
  async () => {
    const {reports, stderr} = await confined('landlock-ports');
    // Nobody listens there: who gets an answer has got through.
    assert.deepEqual(reports, [{9: 'ECONNREFUSED', 10: 'EACCES', 65535: 'ECONNREFUSED'}], stderr);
  },
);

test.skipIf(landlockAbi() === 0 || process.arch !== 'x64')(
  'threads that the runtime started restrict themselves when they are told to (skipped without Landlock or x86-64)',
  async () => {
    const {reports, status, stderr} = await confined('landlock-other-threads');
    assert.equal(status, 0, stderr);
    const [report] = reports;
    assert.deepEqual(new Set(report.pool), new Set(['EACCES']));
    assert.equal(report.worker, 'EACCES');
    // All but the one that told them.
    const {ids, ...counts} = report.outcome;
    assert.deepEqual(counts, {restricted: report.threads - 1, missed: 0});
    assert.equal(new Set(ids).size, report.threads - 1);
  },
);

test.skipIf(landlockAbi() === 0 || !isRoot)(
  'Landlock without no_new_privs is EPERM for ordinary users (needs root to become one)',
  async () => {
    const {reports, stderr} = await confined('landlock-without-no-new-privs', {uid: 65534, gid: 65534});
    assert.deepEqual(reports, [{outcome: 'EPERM'}], stderr);
  },
);

test.skipIf(noSeccomp || !isRoot)(
  'a filter without no_new_privs is EACCES for ordinary users (needs root to become one)',
  async () => {
    const {reports, stderr} = await confined('seccomp-without-no-new-privs', {uid: 65534, gid: 65534});
    assert.deepEqual(reports, [{outcome: 'EACCES'}], stderr);
  },
);

seccompTest(
  'a filter holds on every thread, those that were there before too (skipped without seccomp)',
  async () => {
    const {reports, status, stderr} = await confined('seccomp-errno');
    assert.equal(status, 0, stderr);
    const [report] = reports;
    assert.deepEqual([report.main, report.worker], ['ENOTDIR', 'ENOTDIR']);
    assert.ok(report.threads > 5);
    assert.equal(report.filtered, report.threads);
  },
);

seccompTest(
  'a forbidden call in a worker thread ends the whole process by SIGSYS (skipped without seccomp)',
  async () => {
    const {reports, signal} = await confined('seccomp-kill');
    assert.deepEqual(reports, [{installed: true}]);
    assert.equal(signal, 'SIGSYS');
    assert.equal(existsSync(join(directory, 'b')), false);
  },
);

seccompTest(
  'a thread that can not follow is named, and nobody gets the filter (skipped without seccomp)',
  async () => {
    const {reports, stderr} = await confined('seccomp-diverged');
    const [report] = reports;
    assert.equal(report?.filtered.length, 1, stderr);
    assert.equal(report.message, `ESRCH thread ${report.filtered[0]}`);
  },
);
