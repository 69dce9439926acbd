import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, expect} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {fuseward, leftovers, serverProcesses, settled} from './command-support.js';
import {missingForMounts} from './helper-support.js';

export const missing = missingForMounts();
export const without = (program: string): boolean =>
  missing !== undefined || !existsSync(`/usr/bin/${program}`);
export const title = (program: string): string =>
  `with Debian's ${program}${without(program) ? ' (not installed)' : ''}`;

/** A program that asks for its mount as libraries do; the descriptor that it gets goes nowhere. */
export const ASKING = `command = ["python3", "-c", "import os, socket, subprocess, sys; a, b = socket.socketpair(); sys.exit(subprocess.run(sys.argv[1:], stdin=b, env={**os.environ, '_FUSE_COMMFD': '0'}).returncode)", "sh", "-c",`;

/** An ordinary user's id. */
export const ADA = 4711;
/** A group that he is in beside his own. */
export const GROUP = 4712;
export const RULE = `[[allow]]
users = ["root"]
sources = ["**"]
source_kinds = ["file", "block", "directory", "name"]
source_owner = "anyone"
targets = ["**"]
target_owner = "anyone"
access = "read-write"
`;

export let dir: string;
export let tree: string;
export let target: string;
export let policies: string;
export let before: ReturnType<typeof leftovers>;
/** Processes of servers that were there before. */
export let others: number[];

export function policy(type: string, server: string, more = ''): void {
  writeFileSync(join(policies, `${type}.toml`), `${more}[server]\n${server}\n${RULE}`);
}

export function mount(
  source: string,
  type: string | undefined,
  ...more: string[]
): ReturnType<typeof fuseward> {
  const named = type === undefined ? [] : ['-t', type];
  return fuseward(['mount', '--policy', policies, '--no-announce', ...named, ...more, source, target]);
}

/** Mounts, and tells of it. */
export function mounted(
  source: string,
  type: string | undefined,
  ...more: string[]
): Record<string, unknown> {
  const {code, stdout, stderr} = mount(source, type, '--json', ...more);
  expect(stderr + (code === 0 ? '' : stdout)).toBe('');
  return JSON.parse(stdout) as Record<string, unknown>;
}

export function unmount(...more: string[]): void {
  expect(fuseward(['umount', '--no-announce', ...more, target])).toEqual({code: 0, stdout: '', stderr: ''});
}

/** Processes of servers that see something of this test's directory. */
export function sandboxed(): number[] {
  return serverProcesses().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(dir);
    } catch {
      return false;
    }
  });
}

export function names(pids: readonly number[]): string[] {
  return pids.map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
}

/** What a command says that is a shell script and mounts nothing. */
export function said(
  script: string,
  server = '',
  more: string[] = [],
  source = join(dir, 'disk.img'),
): string {
  policy('script', `command = ["sh", "-c", '''${script}''', "sh", "{source}", "{target}"]\n${server}`);
  const {code, stderr} = mount(source, 'script', ...more);
  expect(code).toBe(1);
  return stderr;
}

/** Has a directory for each test of a file, and leaves nothing of it. */
export function withGround(): void {
  beforeAll(() => {
    if (missing !== undefined) return;
    tree = mkdtempSync(join(tmpdir(), 'fuseward-tree-'));
    chmodSync(tree, 0o755);
    for (let index = 0; index < 20; index++) writeFileSync(join(tree, `${index}`), `${index}`.repeat(5000));
    mkdirSync(join(tree, 'deep/er'), {recursive: true});
    writeFileSync(join(tree, 'deep/er/file'), 'here');
  });
  afterAll(() => {
    if (missing === undefined) rmSync(tree, {recursive: true});
  });
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'fuseward-foreign-')));
    target = join(dir, 'mnt');
    policies = join(dir, 'policy.d');
    mkdirSync(target);
    mkdirSync(policies, {mode: 0o755});
    writeFileSync(join(dir, 'disk.img'), 'image', {mode: 0o600});
    before = leftovers(dir);
    others = serverProcesses();
  });
  afterEach(async () => {
    spawnSync('umount', ['-l', target]);
    const after = await settled(dir, Number.POSITIVE_INFINITY);
    const gone = await eventually(() => sandboxed().length === 0, 5_000);
    rmSync(dir, {recursive: true});
    expect({...after, servers: 0}).toEqual({...before, servers: 0});
    expect(gone, 'something still runs in a sandbox').toBe(true);
    expect(existsSync('/run/fuseward/0')).toBe(false);
  });
}
