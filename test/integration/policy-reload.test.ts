import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {MountView} from '../../src/manager/model.js';
import {type Daemon, missingForManager, Room, SOON_MS} from './manager-support.js';

const missing = missingForManager();

describe.skipIf(missing)(`policy in a manager${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let room: Room;
  let policies: string;
  let daemon: Daemon;

  beforeEach(async () => {
    room = await Room.create();
    policies = join(room.dir, 'policy.d');
    mkdirSync(policies, {mode: 0o755});
  });
  afterEach(() => room.close());

  function write(name: string, text: string): string {
    const file = join(policies, `${name}.toml`);
    writeFileSync(file, text, {mode: 0o644});
    return file;
  }

  function rule(sources: string): string {
    return `[[allow]]\nusers = ["root"]\nsources = ["${sources}"]\nsource_owner = "anyone"\ntargets = ["**"]\ntarget_owner = "anyone"\n`;
  }

  async function mount(
    name: string,
  ): Promise<{status: number; body: MountView & {code?: string; detail?: string}}> {
    const {image, target} = room.image(name);
    return await room.ask('POST', '/v1/mounts', {source: image, target, type: 'ext4', options: ['ro']});
  }

  test('a reload takes all files or none, and says what is wrong with each', async () => {
    const file = write('ext4', rule(`${room.dir}/*`));
    daemon = await room.daemon('--policy', policies);
    const {heard, close} = await room.listen();
    const made = await mount('one');
    expect(made).toMatchObject({status: 201, body: {rule: `${file}:1`}});

    // One file is better than before and another one is broken: neither counts.
    write('ext4', rule('/nowhere/**'));
    const broken = write('raw', 'lop = 1\niomap = 2\n');
    const refused = await room.ask<Record<string, unknown>>('POST', '/v1/policy/reload');
    const errors = [
      `${broken}:1: lop is not known; did you mean loop?`,
      `${broken}:2: iomap must be one of "allow", "deny", "require"`,
    ];
    expect(refused).toMatchObject({status: 409, body: {code: 'bad-policy', errors}});
    const {code, stderr} = room.fuseward('policy', 'reload');
    expect(code).toBe(1);
    expect(stderr).toContain(errors[0]);
    expect(await mount('two')).toMatchObject({status: 201, body: {rule: `${file}:1`}});
    const refusals = (): unknown[] =>
      heard.filter(({event}) => event === 'policy-refused').map(({details}) => details);
    expect(await eventually(() => refusals().length === 2, SOON_MS)).toBe(true);
    const mounted = heard.find(({event}) => event === 'mounted');
    expect(mounted).toMatchObject({details: {rule: `${file}:1`, callerUid: 0}});
    expect(refusals()[0]).toEqual({problems: errors});
    expect(daemon.log()).toContainEqual(expect.objectContaining({level: 'error', problems: errors}));

    rmSync(broken);
    const reloaded = room.fuseward('policy', 'reload');
    expect(reloaded).toMatchObject({code: 0, stdout: `in force: ${file}\n`});
    const denied = await mount('three');
    expect(denied).toMatchObject({status: 403, body: {code: 'policy-denied'}});
    expect(denied.body.detail).toContain(`(${file}:1)`);
    expect(await eventually(() => heard.some(({event}) => event === 'denied'), SOON_MS)).toBe(true);
    expect(heard.find(({event}) => event === 'denied')).toMatchObject({details: {rule: `${file}:1`}});
    close();
  });

  test('SIGHUP reloads, and a mount keeps the rules that it was made by', async () => {
    daemon = await room.daemon('--policy', policies);
    const {heard, close} = await room.listen();
    expect(await mount('one')).toMatchObject({status: 201});
    write('ext4', rule('/nowhere/**'));
    // Nobody has said that it counts.
    expect(await mount('two')).toMatchObject({status: 201});
    process.kill(daemonPid(daemon), 'SIGHUP');
    expect(await eventually(() => heard.some(({event}) => event === 'policy-reloaded'), SOON_MS)).toBe(true);
    expect(await mount('three')).toMatchObject({status: 403});
    expect(await room.mounts()).toHaveLength(2);
    close();
  });

  test('a broken file at the start: others hold, and its own type is mounted by nobody', async () => {
    const file = write('ext4', 'lop = 1\n');
    daemon = await room.daemon('--policy', policies);
    expect(daemon.log()).toContainEqual(expect.objectContaining({level: 'error', file, line: 1, key: 'lop'}));
    expect(await mount('one')).toMatchObject({status: 403, body: {code: 'bad-policy'}});
  });

  test('a mount by hand that is denied is told with the place of the rule', async () => {
    const file = write('ext4', rule('/nowhere/**'));
    daemon = await room.daemon();
    const {heard, close} = await room.listen();
    const {image, target} = room.image('one');
    expect(room.fuseward('mount', '--policy', policies, '-t', 'ext4', image, target).code).toBe(1);
    expect(await eventually(() => heard.length > 0, SOON_MS)).toBe(true);
    expect(heard[0]).toMatchObject({
      event: 'denied',
      details: {code: 'policy-denied', errno: 'EPERM', callerUid: 0, rule: `${file}:1`, source: image},
    });
    close();
  });
});

/** The daemon behind nsenter(1), which becomes it. */
function daemonPid({pid}: Daemon): number {
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('daemon');
  return pid;
}
