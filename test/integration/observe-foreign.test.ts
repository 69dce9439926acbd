import {spawnSync} from 'node:child_process';
import {chmodSync, mkdirSync, openSync, readdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {MountResult} from '../../src/helper/mount-request.js';
import {fuseConnectionOf} from '../../src/sys/process.js';
import {Random} from '../support/random.js';
import {AdapterRoom, cannotAdapt, type Trial} from './adapter-support.js';
import {observing} from './observe-support.js';

/** Programs of others with a relay before them: it lets all of what they rightly say through, whatever library they use. */
const BOUND = {kind: 'bound', path: '/fuseward/source'} as const;
/** More than one request holds, and no multiple of anything. */
const CONTENT = new Random(3).bytes(1_234_567);
const NAMES = ['folder', 'large', 'link'];

let room: AdapterRoom;
let tree: string;

beforeAll(() => {
  room = new AdapterRoom();
  tree = join(room.dir, 'tree');
  mkdirSync(join(tree, 'folder'), {recursive: true});
  writeFileSync(join(tree, 'large'), CONTENT);
  for (let n = 0; n < 300; n++) writeFileSync(join(tree, 'folder', `${n}-${'x'.repeat(n % 200)}`), `${n}`);
  symlinkSync('large', join(tree, 'link'));
});
afterAll(() => room.remove());

/** What a relay logs is faults: those that were found. */
function faultsOf({observer}: MountResult): string[] {
  const log = readFileSync(`/proc/${observer!.pid}/fd/2`, 'utf8');
  return [...log.matchAll(/"fault":"([a-z-]+)"/g)].map((match) => match[1]!);
}

function readAll(target: string): void {
  expect(readdirSync(target).sort()).toEqual(NAMES);
  expect(readFileSync(join(target, 'link')).equals(CONTENT)).toBe(true);
  const names = readdirSync(join(target, 'folder'));
  expect(names.sort()).toEqual(readdirSync(join(tree, 'folder')).sort());
  for (const name of names)
    expect(readFileSync(join(target, 'folder', name), 'utf8')).toBe(name.split('-')[0]);
}

function writeSome(target: string): void {
  writeFileSync(join(target, 'new'), CONTENT);
  expect(readFileSync(join(target, 'new')).equals(CONTENT)).toBe(true);
  mkdirSync(join(target, 'made'));
  const {status, stderr} = spawnSync('sh', ['-c', 'mv new made/moved && ls -la made && rm -r made'], {
    cwd: target,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
}

async function observed(trial: Trial, use: (target: string) => void): Promise<void> {
  let relay: number | undefined;
  const end = await room.run({
    ...trial,
    ...observing,
    use: (target, result) => {
      relay = result.observer?.pid;
      use(target);
      expect(fuseConnectionOf(relay!)).toEqual([result.connectionId]);
      expect(faultsOf(result)).toEqual([]);
    },
  });
  expect(end.failure, end.log).toBeUndefined();
  expect(await eventually(() => fuseConnections(relay!).length === 0, 30_000)).toBe(true);
}

function fuseConnections(pid: number): number[] {
  try {
    return fuseConnectionOf(pid);
  } catch {
    return [];
  }
}

const SQUASHFUSE = '/usr/bin/squashfuse_ll';
const noSquashfs = cannotAdapt(SQUASHFUSE, '/usr/bin/mksquashfs');
test.skipIf(noSquashfs !== undefined)(`squashfuse_ll, libfuse 3 (${noSquashfs ?? 'low level'})`, async () => {
  const image = join(room.dir, 'image.squashfs');
  spawnSync('mksquashfs', [tree, image, '-quiet', '-noappend']);
  chmodSync(image, 0o644);
  const command = [SQUASHFUSE, '-f', '-o', '{options}', '{source}', '{target}'];
  const plan = {command, way: 'descriptor'} as const;
  await observed({plan, source: image, options: ['ro']}, readAll);
});

const BINDFS = '/usr/bin/bindfs';
const noBindfs = cannotAdapt(BINDFS);
test.skipIf(noBindfs !== undefined)(`bindfs (${noBindfs ?? 'high level, many threads'})`, async () => {
  const command = [BINDFS, '-f', '--multithreaded', '-o', '{options}', '{source}', '{target}'];
  const sandbox = ['--ro-bind', tree, BOUND.path];
  await observed({plan: {command, way: 'fusermount', source: BOUND}, sandbox}, readAll);
});

const GOCRYPTFS = '/usr/bin/gocryptfs';
const noGocryptfs = cannotAdapt(GOCRYPTFS);
test.skipIf(noGocryptfs !== undefined)(`gocryptfs, go-fuse (${noGocryptfs ?? 'written to'})`, async () => {
  const cipher = join(room.dir, 'cipher');
  const password = join(room.dir, 'password');
  mkdirSync(cipher);
  writeFileSync(password, 'secret\n', {mode: 0o644});
  spawnSync(GOCRYPTFS, ['-init', '-q', '-scryptn', '10', '-passfile', password, cipher]);
  spawnSync('chmod', ['-R', 'a+rwX', cipher]);
  const plan = {
    command: [GOCRYPTFS, '-fg', '-q', '-passfile', '{secret:password}', '{source}', '{target}'],
    way: 'auto',
    source: BOUND,
    secrets: [{name: 'password', fd: 4}],
  } as const;
  const inherited = [openSync(password, 'r')];
  await observed(
    {plan: {...plan, secrets: [...plan.secrets]}, inherited, sandbox: ['--bind', cipher, BOUND.path]},
    writeSome,
  );
});

const RCLONE = '/usr/bin/rclone';
const noRclone = cannotAdapt(RCLONE);
test.skipIf(noRclone !== undefined)(`rclone, bazil (${noRclone ?? 'listings in pieces'})`, async () => {
  const command = [RCLONE, 'mount', '--links', '{source}', '{target}', '--config', '/tmp/rclone.conf'];
  const sandbox = ['--ro-bind', tree, BOUND.path];
  await observed({plan: {command, way: 'auto', source: BOUND}, sandbox}, (target) => {
    expect(readFileSync(join(target, 'large')).equals(CONTENT)).toBe(true);
    expect(readdirSync(join(target, 'folder')).length).toBe(300);
  });
});

const NTFS = '/usr/bin/ntfs-3g';
const noNtfs = cannotAdapt(NTFS, '/usr/sbin/mkntfs');
test.skipIf(noNtfs !== undefined)(`ntfs-3g, a library of its own (${noNtfs ?? 'written to'})`, async () => {
  const image = join(room.dir, 'image.ntfs');
  spawnSync('truncate', ['-s', '16M', image]);
  spawnSync('mkntfs', ['-F', '-Q', image]);
  chmodSync(image, 0o666);
  const command = [NTFS, '-o', '{options}', '{source}', '{target}'];
  const sandbox = ['--bind', image, BOUND.path];
  await observed({plan: {command, way: 'mount', source: BOUND}, source: image, sandbox}, writeSome);
});
