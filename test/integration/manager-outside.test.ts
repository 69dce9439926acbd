import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import type {MountStats, MountView} from '../../src/manager/model.js';
import {type Daemon, missingForManager, Room, SOON_MS} from './manager-support.js';

/** Looks into the kernel's tracing directory, whether it is mounted here or not. */
function tracing(script: string): string {
  const mounted =
    '{ mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing; } && cd /sys/kernel/tracing && ';
  const args = ['--mount', '--propagation', 'private', 'sh', '-c', mounted + script];
  return spawnSync('unshare', args, {encoding: 'utf8'}).stdout.trim();
}

function cannotTrace(): string | undefined {
  if (tracing('ls events/fuse') === '') return 'the kernel has no trace events of FUSE';
  return existsSync('/usr/bin/strace') ? undefined : 'no strace';
}

const missing = missingForManager();
const untraced = missing ?? cannotTrace();
let room: Room;
let daemon: Daemon;

/** Our instances that belong to a process. */
const instancesOf = (pid: number): string[] =>
  tracing('ls instances')
    .split('\n')
    .filter((name) => name.startsWith(`fuseward-${pid}-`));

async function stats(view: MountView | undefined): Promise<MountStats> {
  const {body} = await room.ask<MountStats>('GET', `/v1/mounts/${view!.id}/stats`);
  return body;
}

const totalOf = ({operations}: MountStats): number =>
  Object.values(operations).reduce((sum, {count}) => sum + count, 0);

/** Mounts with e2fsprogs' own server, which knows nothing of us. */
async function foreign(...prefix: string[]): Promise<{view: MountView; target: string}> {
  const {image, target} = room.image('foreign');
  const {pid} = room.start(...prefix, 'fuse2fs', '-f', '-o', 'ro', image, target);
  // For a moment a helper of libfuse's holds the device as well. What is started without another program in front is the server itself.
  const view = await room.seen(target, ({serverPid}) =>
    prefix.length === 0 ? serverPid === pid : serverPid !== null,
  );
  return {view: view!, target};
}

describe.skipIf(missing)(`servers of others${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(async () => {
    room = await Room.create();
    const policy = join(room.dir, 'policy');
    mkdirSync(policy);
    writeFileSync(join(policy, 'defaults.toml'), 'slow_request_seconds = 1\nunresponsive_seconds = 2\n');
    daemon = await room.daemon('--policy', policy);
  });
  afterEach(() => room.close());

  test.skipIf(untraced)(
    `their requests are counted as strace counts their answers${untraced ? ` (skipped: ${untraced})` : ''}`,
    async () => {
      const log = join(room.dir, 'strace');
      const {view, target} = await foreign('strace', '-f', '-qq', '-e', 'trace=writev,write', '-o', log);
      const fuseFd = room
        .run('sh', '-c', `ls -l /proc/${view.serverPid}/fd`)
        .split('\n')
        .flatMap((line) => / (\d+) -> \/dev\/fuse$/.exec(line)?.[1] ?? [])[0];
      const answers = (): number =>
        readFileSync(log, 'latin1')
          .split('\n')
          .filter((line) => new RegExp(`\\bwritev?\\(${fuseFd}, `).test(line)).length;
      const first = await stats(view);
      expect(first).toMatchObject({countedBy: 'kernel', tracing: {state: 'on', gaps: 0}});
      expect(instancesOf(daemon.pid)).toHaveLength(1);
      const before = answers();
      room.run('sh', '-c', `ls -lR ${target}; cat ${target}/struct.ts; cat ${target}/none || true`);
      let last = first;
      const agrees = async (): Promise<boolean> => {
        last = await stats(view);
        return totalOf(last) - totalOf(first) === answers() - before;
      };
      for (const end = performance.now() + SOON_MS; !(await agrees()) && performance.now() < end; );
      expect(totalOf(last) - totalOf(first)).toBe(answers() - before);
      expect(totalOf(last) - totalOf(first)).toBeGreaterThan(3);
      const {READ, LOOKUP} = last.operations;
      expect(READ!.bytesOut).toBeGreaterThan(execFileSync('stat', ['-c', '%s', 'src/wire/struct.ts']).length);
      expect(LOOKUP!.errorsByErrno).toMatchObject({ENOENT: 1});
      // Under strace a request takes longer than a microsecond and shorter than the test.
      expect(READ!.latencySeconds.p50).toBeGreaterThan(1e-6);
      expect(READ!.latencySeconds.max).toBeLessThan(60);

      expect(room.fuseward('stats', target).stdout).toMatch(/counted: by the kernel's trace events, for/);
      expect(room.fuseward('status', target).stdout).toMatch(/traced: .*READ \d+/);
      expect(await daemon.end()).toBe(0);
      expect(daemon.stderr()).toBe('');
      expect(instancesOf(daemon.pid)).toEqual([]);
    },
  );

  test.skipIf(untraced)(
    `tracing that a killed manager left ends with the next one${untraced ? ` (skipped: ${untraced})` : ''}`,
    async () => {
      const {view} = await foreign();
      await stats(view);
      expect(instancesOf(daemon.pid)).toHaveLength(1);
      await daemon.end('SIGKILL');
      expect(instancesOf(daemon.pid)).toHaveLength(1);
      const next = await room.daemon();
      expect(instancesOf(daemon.pid)).toEqual([]);
      // Nobody has asked this one.
      expect(instancesOf(next.pid)).toEqual([]);
      await next.end();
    },
  );

  test('what they use is what /proc says', async () => {
    const {view, target} = await foreign();
    const pid = view.serverPid!;
    const proc = () => {
      const io = readFileSync(`/proc/${pid}/io`, 'latin1');
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ').map(Number);
      return {
        readBytes: Number(/^rchar: (\d+)$/m.exec(io)?.[1]),
        minorFaults: stat[7]!,
        ticks: stat[11]! + stat[12]!,
      };
    };
    const before = proc();
    room.run('sh', '-c', `cat ${target}/*.ts > /dev/null`);
    const {process: use, kernel, waiting} = await stats(view);
    const after = proc();
    for (const [name, value] of [
      ['readBytes', use!.io!.readBytes],
      ['minorFaults', use!.minorFaults],
      ['ticks', Math.round(use!.cpuSeconds * 100)],
    ] as const) {
      expect(value, name).toBeGreaterThanOrEqual(before[name]);
      expect(value, name).toBeLessThanOrEqual(after[name]);
    }
    expect(use).toMatchObject({processes: 1});
    expect(use!.privateBytes).toBeLessThan(use!.residentBytes);
    const shown = (file: string): number =>
      Number(room.run('cat', `/sys/fs/fuse/connections/${view.id}/${file}`));
    expect({kernel, waiting}).toEqual({
      kernel: {
        waiting: 0,
        maxBackground: shown('max_background'),
        congestionThreshold: shown('congestion_threshold'),
      },
      waiting: 0,
    });
  });

  test('one that gets no further is hung, and well again when it goes on', async () => {
    const {heard, close} = await room.listen();
    const {view, target} = await foreign();
    expect(await room.seen(target, ({health}) => health === 'ok')).toMatchObject({health: 'ok'});
    process.kill(view.serverPid!, 'SIGSTOP');
    const reader = room.start('stat', join(target, 'none'));
    const ended = new Promise((resolve) => reader.once('exit', resolve));
    expect(await room.seen(target, ({health}) => health === 'hung')).toMatchObject({
      health: 'hung',
      waiting: 1,
    });
    process.kill(view.serverPid!, 'SIGCONT');
    await ended;
    expect(await room.seen(target, ({health}) => health === 'ok')).toMatchObject({health: 'ok'});
    await eventually(() => heard.filter(({event}) => event === 'health').length === 3, SOON_MS);
    expect(heard.filter(({event}) => event === 'health').map(({details}) => details['now'])).toEqual([
      'slow',
      'hung',
      'ok',
    ]);
    expect(heard.some(({event}) => event === 'slow-request')).toBe(true);
    close();
  });
});
