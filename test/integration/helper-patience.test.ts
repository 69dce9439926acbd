import {spawn} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest';
import {bundle} from '../support/bundle.mjs';
import {type Bench, bench, FUSEWARD, serverProcesses, settled} from './command-support.js';
import {Mounted} from './fuse-support/mounted.js';
import {missingForMounts} from './helper-support.js';

const missing = missingForMounts();
const why = missing ? ` (skipped: ${missing})` : '';
/** The attempt may take one second, giving up five more. */
const POLICY = 'deadline_seconds = 1\n';
const MOST_MS = 30_000;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Not spawnSync: a process that hangs in the kernel would keep this one with it. */
function run(args: readonly string[]): Promise<Ended> {
  const child = spawn(FUSEWARD, args, {stdio: ['ignore', 'pipe', 'pipe']});
  const said = {stdout: '', stderr: ''};
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), MOST_MS);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({code, ...said});
    });
  });
}

describe.skipIf(missing !== undefined)(`the deadline of a whole attempt${why}`, () => {
  let program: string;
  let place: Bench;
  let policy: string;
  let before: number;
  let mounted: Mounted | undefined;

  beforeAll(async () => {
    program = await bundle('test/integration/fuse-support/server-program.ts');
  });
  beforeEach(async () => {
    place = bench();
    policy = join(place.dir, 'policy');
    mkdirSync(policy);
    writeFileSync(join(policy, 'defaults.toml'), POLICY, {mode: 0o644});
    before = serverProcesses().length;
    mounted = await Mounted.start(program, 'slow', 'events');
  });
  afterEach(async () => {
    await mounted?.discard();
    expect(await settled(place.dir, before)).toMatchObject({mounts: [], loops: []});
    place.remove();
  });

  const attempt = (source: string, target: string, ...more: string[]) =>
    run(['mount', '-t', 'ext4', '--policy', policy, ...more, source, target]);

  test('a source below a directory whose server hangs', async () => {
    mounted!.freeze();
    const {code, stderr} = await attempt(join(mounted!.target, 'slow'), place.target);
    expect(stderr).toMatch(
      /^fuseward: can't mount .*slow on .*: looking at them takes too long; what they lie on hangs\n$/,
    );
    expect(code).toBe(1);
  });

  test('a target below a directory whose server hangs', async () => {
    mounted!.freeze();
    const {code, stderr} = await attempt(place.image, join(mounted!.target, 'slow'));
    expect(stderr).toMatch(/^fuseward: can't mount .* on .*slow: looking at them takes too long/);
    expect(code).toBe(1);
  });

  test('a source whose server took the question and never answers, which no signal ends', async () => {
    const {code, stderr} = await attempt(join(mounted!.target, 'deaf'), place.target);
    expect(stderr).toMatch(/^fuseward: can't mount .*deaf on .*: looking at them takes too long/);
    expect(code).toBe(1);
  });

  test('the same as JSON', async () => {
    const {stdout, stderr} = await attempt(join(mounted!.target, 'deaf'), place.target, '--json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout).error).toMatchObject({code: 'deadline', errno: 'ETIMEDOUT', exitCode: 1});
  });
});
