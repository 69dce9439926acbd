import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {afterEach, describe, expect, test} from 'vitest';
import {containmentOf} from '../../../src/launch/containment.js';
import {cgroupOf} from '../../../src/launch/process-cgroup.js';
import {codeOf} from '../../../src/launch/process-code.js';
import {descriptorsOf, loneName} from '../../../src/launch/process-descriptors.js';
import {lookAtServer} from '../../../src/launch/seal.js';
import {processStart} from '../../../src/sys/process-state.js';
import {unifiedHierarchy, unifiedLimitsMemory} from '../../support/systemd/cgroup.js';

const isRoot = process.geteuid?.() === 0;
const skipped = isRoot ? '' : ' (skipped: not root)';
let children: ChildProcess[] = [];

/** Starts a process that says something when it is ready, and waits for that. */
async function started(command: string, ...args: string[]): Promise<number> {
  const child = spawn(command, args, {stdio: ['pipe', 'pipe', 'inherit']});
  children.push(child);
  await once(child.stdout!, 'data');
  return child.pid!;
}

const EXPECTED = {
  ...{callerUid: 0, embedded: false, sourcePath: undefined, loopDevice: undefined, readOnly: true},
  ...{connection: undefined, reported: undefined},
};

afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  children = [];
});

test('sockets are told apart by their family, and directories by whose they are', async () => {
  const script = `
    const net = require('node:net'), fs = require('node:fs');
    fs.openSync('/', 'r');
    net.createServer().listen({path: '\\0fuseward-look-' + process.pid}, () =>
      net.createServer().listen(0, '127.0.0.1', () => process.stdout.write('ready')));`;
  const pid = await started(process.execPath, '-e', script);
  const kinds = descriptorsOf(pid, 1024).map(({kind}) => kind);
  expect(kinds.filter((kind) => kind === 'TCP socket')).toHaveLength(1);
  expect(kinds.filter((kind) => kind === 'unix socket').length).toBeGreaterThan(0);
  expect(kinds).toContain('own root directory');
  expect(descriptorsOf(pid, 2)).toHaveLength(2);
});

test.skipIf(!isRoot)(`the root of another mount namespace is not its own${skipped}`, async () => {
  // The descriptor is of our namespace; the process then moves to a fresh one.
  const pid = await started('sh', '-c', 'exec 7</ && exec unshare --mount sh -c "echo ready; read wait"');
  expect(descriptorsOf(pid, 64).map(({kind}) => kind)).toContain(loneName(`${statSync('/').ino}`));
});

test('what is open for writing is known', async () => {
  const pid = await started('sh', '-c', 'exec 5>/dev/full 6</dev/zero; echo ready; read wait');
  const open = new Map(descriptorsOf(pid, 64).map(({kind, writable}) => [kind, writable]));
  expect([open.get('/dev/full'), open.get('/dev/zero')]).toEqual([true, false]);
});

test('executable memory is counted by whose it is', async () => {
  const pid = await started(
    process.execPath,
    '-e',
    'process.stdout.write("ready"); setInterval(() => {}, 1e6)',
  );
  const jit = codeOf(pid);
  const maps = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n');
  expect(jit.writable).toBe(maps.filter((line) => / rwx[ps] /.test(line)).length);
  expect(jit.files).toContain(process.execPath);
  const plain = codeOf(await started('sh', '-c', 'echo ready; read wait'));
  expect(plain).toMatchObject({writable: 0, anonymous: 0});
});

describe.skipIf(!isRoot)(`a process by setpriv(1)${skipped}`, () => {
  const UID = 1_946_222_700;
  const HELD = ['--clear-groups', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'];
  const sleeper = ['sh', '-c', 'echo ready; read wait'];
  const verified = (pid: number): string[] =>
    lookAtServer({pid, start: processStart(pid)!}, EXPECTED)
      .seal.filter(({state}) => state === 'verified')
      .map(({point}) => point);

  test('has what was given to it, and one more under its user id takes that away', async () => {
    const ids = [`--reuid=${UID}`, `--regid=${UID}`];
    const pid = await started('setpriv', ...ids, ...HELD, ...sleeper);
    expect(verified(pid)).toEqual(['user', 'capabilities', 'no-new-privileges']);
    const other = await started('setpriv', `--reuid=${UID}`, '--clear-groups', ...sleeper);
    expect(verified(pid)).toEqual(['capabilities', 'no-new-privileges']);
    expect(containmentOf(pid).neighbours).toEqual([other]);
  });

  test('as an account of the machine it is nobody of its own', async () => {
    const pid = await started('setpriv', '--reuid=1', '--regid=1', ...HELD, ...sleeper);
    expect(containmentOf(pid).account).toBe('daemon');
    expect(verified(pid)).not.toContain('user');
  });

  test('is not taken for another that had its id', async () => {
    const pid = await started('sh', '-c', 'echo ready; read wait');
    const {containment, seal} = lookAtServer({pid, start: '1'}, EXPECTED);
    expect(containment).toBeUndefined();
    expect(new Set(seal.map(({state}) => state))).toEqual(new Set(['missing']));
  });
});

/** A group of our own with limits, in version 2 where it has controllers and else in those of version 1. */
function limitedGroup(): {directories: string[]; write(name: 2 | 1, values: Record<string, string>): void} {
  const unified = unifiedHierarchy();
  const name = `fuseward-look-${process.pid}`;
  const two = unifiedLimitsMemory();
  const directories = two
    ? [`${unified!.path}/${name}`]
    : ['memory', 'pids'].map((controller) => `/sys/fs/cgroup/${controller}/${name}`);
  for (const directory of directories) mkdirSync(directory);
  return {
    directories,
    write(version, values) {
      if ((version === 2) !== two) return;
      for (const [file, value] of Object.entries(values)) {
        const directory = file.startsWith('pids') ? directories.at(-1) : directories[0];
        writeFileSync(`${directory}/${file}`, value);
      }
    },
  };
}

test.skipIf(!isRoot)(`limits of a control group are found, and who else is in it${skipped}`, async () => {
  const group = limitedGroup();
  try {
    const pid = await started('sh', '-c', 'echo ready; read wait');
    for (const directory of group.directories) writeFileSync(`${directory}/cgroup.procs`, String(pid));
    expect(cgroupOf(pid)).toMatchObject({memoryBytes: null, tasks: null, sharedWith: []});
    group.write(1, {'memory.limit_in_bytes': '67108864', 'pids.max': '7'});
    group.write(2, {'memory.max': '67108864', 'pids.max': '7'});
    expect(cgroupOf(pid)).toMatchObject({memoryBytes: 2 ** 26, tasks: 7, unit: undefined});
    const other = await started('sh', '-c', 'echo ready; read wait');
    for (const directory of group.directories) writeFileSync(`${directory}/cgroup.procs`, String(other));
    expect(cgroupOf(pid).sharedWith).toEqual([other]);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
    for (const directory of group.directories) {
      // The kernel lets go of a group a moment after its last process.
      for (let tries = 0; tries < 100; tries++) {
        if (spawnSync('rmdir', [directory]).status === 0) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
});
