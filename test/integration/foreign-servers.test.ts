import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {CHECKOUT} from '../support/checkout.js';
import {listTree} from '../support/foreign/content.js';
import {heldUnder, reaches, visiblePlaces} from '../support/foreign/judge.js';
import {FOREIGN_SERVERS, type ForeignServer, type Input, policyFor} from '../support/foreign/servers.js';
import {run} from '../support/mounts.js';
import {fuseward, leftovers, serverProcesses, settled} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const PATH = ['/usr/bin', '/usr/sbin', '/bin', '/sbin'];

/** Why a server can't be tried here; undefined when it can. */
function missing({tools}: ForeignServer): string | undefined {
  const lacking = Object.entries(tools).filter(
    ([tool]) => !PATH.some((place) => statSync(join(place, tool), {throwIfNoEntry: false})),
  );
  if (lacking.length > 0) return `no ${lacking.map(([tool, name]) => `${tool} (${name})`).join(', ')}`;
  return missingForMounts();
}

let directory: string;
let target: string;
let policies: string;
let input: Input | undefined;
let before: number;

function mount(server: ForeignServer, given: Input, type = server.type): ReturnType<typeof fuseward> {
  const shipped = join(CHECKOUT, 'policy', `${server.type}.toml`);
  writeFileSync(join(policies, `${server.type}.toml`), policyFor(shipped, given.policy ?? ''));
  const options = (given.options ?? []).flatMap((option) => ['-o', option]);
  return fuseward(['mount', '--policy', policies, '-t', type, ...options, given.source, target]);
}

/** The process that serves the mount, and its user. */
function server(): {pid: number; uid: number} {
  const {record} = JSON.parse(fuseward(['status', '--json', target]).stdout) as {record: {serverPid: number}};
  const uid = Number(/^Uid:\s*(\d+)/m.exec(readFileSync(`/proc/${record.serverPid}/status`, 'utf8'))?.[1]);
  return {pid: record.serverPid, uid};
}

/** The points of its server's containment that the kernel confirms. */
function verified(): string[] {
  type Point = {point: string; state: string};
  const {seal} = JSON.parse(fuseward(['status', '--json', target]).stdout) as {seal: Point[]};
  return seal.filter(({state}) => state === 'verified').map(({point}) => point);
}

/** Ends a process, unless it ended with its namespace just now. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as {code?: string}).code !== 'ESRCH') throw error;
  }
}

beforeEach(() => {
  before = serverProcesses().length;
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-foreign-')));
  target = join(directory, 'mnt');
  policies = join(directory, 'policy.d');
  mkdirSync(target);
  mkdirSync(policies, {mode: 0o755});
});

afterEach(async () => {
  for (const line of leftovers(target).mounts) run('umount', ['--lazy', line.split(' ')[4]!]);
  await input?.peer?.close();
  input = undefined;
  const {mounts, loops, records} = await settled(directory, before);
  rmSync(directory, {recursive: true});
  expect({mounts, loops, records}).toEqual({mounts: [], loops: [], records: []});
});

for (const foreign of FOREIGN_SERVERS) {
  const why = missing(foreign);
  describe.skipIf(why)(`${foreign.type}${why ? ` (skipped: ${why})` : ''}`, () => {
    test('shows what the source holds, held like a server of our own, and unmounts cleanly', async () => {
      input = await foreign.prepare(directory);
      const made = mount(foreign, input);
      expect(made).toMatchObject({code: 0, stderr: ''});
      expect(listTree(target)).toEqual(listTree(input.tree));

      // Now that it has done its work, with all that it holds for that.
      expect(verified()).toEqual(expect.arrayContaining(['user', 'capabilities', 'seccomp', 'descriptors']));
      const {pid, uid} = server();
      const processes = heldUnder(uid);
      expect(processes.map((each) => each.pid)).toContain(pid);
      const networks = foreign.network && !input.policy?.includes('network = [') ? [] : ['net'];
      for (const held of processes) {
        const inside = held.name !== 'bwrap';
        expect(new Set([...held.uids, ...held.gids])).toEqual(new Set([uid]));
        expect(held.groups.filter((gid) => gid !== uid)).toEqual([]);
        expect(held.noNewPrivileges, held.name).toBe(true);
        if (!inside) continue;
        expect(new Set(held.capabilities), held.name).toEqual(new Set(['0000000000000000']));
        expect(held.seccomp, held.name).toBe(2);
        expect(held.ownNamespaces, held.name).toEqual(
          expect.arrayContaining(['cgroup', 'ipc', 'mnt', 'pid', 'user', 'uts', ...networks]),
        );
      }
      expect(visiblePlaces(pid)).toEqual([]);
      expect(visiblePlaces(pid, [CHECKOUT, join(directory, 'policy.d')])).toEqual([]);
      // Nobody of the machine's own ports is there for it, but the one that it was granted.
      const other = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => other.once('listening', resolve));
      try {
        expect(reaches(pid, '127.0.0.1', (other.address() as {port: number}).port)).toBe(false);
        if (input.peer !== undefined) expect(reaches(pid, '127.0.0.1', input.peer.port)).toBe(true);
      } finally {
        other.close();
      }

      expect(fuseward(['umount', target])).toMatchObject({code: 0, stderr: ''});
      expect(await eventually(() => heldUnder(uid).length === 0, 30_000)).toBe(true);
    });

    test('a killed server is an error for who uses the mount, and not more', async () => {
      input = await foreign.prepare(directory);
      const made = foreign.detected ? mount(foreign, input, 'auto') : mount(foreign, input);
      expect(made).toMatchObject({code: 0, stderr: ''});
      expect(run('findmnt', ['-no', 'FSTYPE', target]).trim()).toBe(`fuse.${foreign.type}`);
      const {uid} = server();
      for (const {pid} of heldUnder(uid)) kill(pid);
      expect(await eventually(() => heldUnder(uid).length === 0, 30_000)).toBe(true);
      expect(() => readdirSync(target)).toThrow(/ENOTCONN|ECONNABORTED/);
      expect(fuseward(['umount', target])).toMatchObject({code: 0});
    });
  });
}

const goes = FOREIGN_SERVERS.find(({type}) => type === 'rclone')!;
const noBackground = missing(goes);
test.skipIf(noBackground)(
  `a server that goes into the background is followed, and unmounts with all that it left waiting${noBackground ? ` (skipped: ${noBackground})` : ''}`,
  async () => {
    input = await goes.prepare(directory);
    const command = [
      'rclone',
      'mount',
      '--daemon',
      '--config',
      '',
      '--cache-dir',
      '/tmp',
      '{source}',
      '{target}',
    ];
    input = {...input, policy: `${input.policy ?? ''}\ncommand = ${JSON.stringify(command)}`};
    expect(mount(goes, input)).toMatchObject({code: 0, stderr: ''});
    expect(listTree(target)).toEqual(listTree(input.tree));
    const {uid} = server();
    expect(fuseward(['umount', target])).toMatchObject({code: 0, stderr: ''});
    expect(await eventually(() => heldUnder(uid).length === 0, 10_000)).toBe(true);
  },
);
