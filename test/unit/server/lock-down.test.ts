import {type SpawnSyncReturns, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs';
import {constants, tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../../src/helper/cleanup.js';
import {kernelFeatures} from '../../../src/sys/kernel.js';
import {bundle} from '../../support/bundle.mjs';
import {cannotCompromise, makeCall, waitingThread} from '../../support/compromise.js';

const missing = kernelFeatures().seccompActions.includes('trap') ? undefined : 'no seccomp verdict trap';
const PROT_EXEC = 4;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;

let script: string;
let directory: string;
beforeAll(async () => {
  script = await bundle('test/unit/server/locked-child.ts');
  directory = mkdtempSync(join(tmpdir(), 'fuseward-locked-'));
});
afterAll(() => {
  rmSync(script, {force: true});
  rmSync(directory, {recursive: true, force: true});
});

/**
 * Words before Node: no locked memory, as in a sandbox, so that libuv gets no rings for its event loops. Root has it without limit by a
 * capability.
 */
const WITHOUT_RINGS = [
  ...(process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-ipc_lock'] : []),
  ...['prlimit', '--memlock=0:0'],
];

/** Runs a scenario of locked-child.ts. */
function locked(scenario: string[], flags: string[] = [], stdio: Array<'pipe' | 'ignore' | number> = []) {
  const [input = 'ignore', output = 'pipe', errors = 'pipe', ...more] = stdio;
  const [command, ...words] = [...WITHOUT_RINGS, process.execPath, ...flags, script, ...scenario];
  const child: SpawnSyncReturns<string> = spawnSync(command!, words, {
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
    env: {TZ: 'UTC', PATH: '/usr/bin:/bin'},
    stdio: [input, output, errors, ...more],
  });
  const lines = (child.stdout ?? '').split('\n').filter(Boolean);
  return {...child, answers: lines.map((line) => JSON.parse(line))};
}

function isReading(pid: number): boolean {
  try {
    return waitingThread(pid) === pid;
  } catch {
    return false;
  }
}

/** The lines of a log that name a forbidden call. */
function breadcrumbs(log: string): unknown[] {
  return log
    .split('\n')
    .filter((line) => line.includes('forbidden system call'))
    .map((line) => JSON.parse(line));
}

describe.skipIf(missing !== undefined)(
  `a locked-down server${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    test.each([
      ['socket 1 1 0', 'socket'],
      ['execve 0 0 0', 'execve'],
      ['openat -100 0 2 0', 'openat'],
      ['ioctl 0 0x5401 0', 'ioctl'],
      ['clone 17 0 0 0 0', 'clone'],
      ['rt_sigaction 31 0 0 8', 'rt_sigaction'],
      [`mmap 0 4096 ${1 | PROT_EXEC} ${MAP_PRIVATE | MAP_ANONYMOUS} -1 0`, 'mmap'],
      [`mmap 0 4096 1 ${MAP_PRIVATE} 0 0`, 'mmap'],
      ['io_uring_setup 8 0', 'io_uring_setup'],
      ['file_setattr 0 0 0 0 0', 'file_setattr'],
    ])('ends for %s, and says that it was %s', (call, name) => {
      const {answers, signal, stderr} = locked(['call', call]);
      expect({answers, signal}).toEqual({answers: ['locked'], signal: 'SIGSYS'});
      expect(breadcrumbs(stderr)).toMatchObject([{level: 50, systemCall: name}]);
    });

    test('ends for a call of any of its threads', () => {
      const {answers, signal, stderr} = locked(['call-in-another-thread']);
      expect({answers, signal}).toEqual({answers: ['locked'], signal: 'SIGSYS'});
      expect(breadcrumbs(stderr)).toMatchObject([{systemCall: 'socket'}]);
    });

    test('ends, without a line, where it has blocked the signal', () => {
      const {answers, signal, stderr} = locked(['call-with-sigsys-blocked']);
      expect({answers, signal, crumbs: breadcrumbs(stderr)}).toEqual({
        answers: [0],
        signal: 'SIGSYS',
        crumbs: [],
      });
    });

    test.skipIf(cannotCompromise() !== undefined)(
      `ends where its stack has no room for a signal${cannotCompromise() ? ` (skipped: ${cannotCompromise()})` : ''}`,
      async () => {
        const child = spawn(process.execPath, [script, 'waits-for-input'], {
          stdio: ['pipe', 'pipe', 'ignore'],
        });
        const ended = once(child, 'exit');
        await once(child.stdout, 'data');
        await eventually(() => isReading(child.pid!), 10_000);
        makeCall(child.pid!, 'socket', [1, 1, 0], 8);
        expect(await ended).toEqual([null, 'SIGSEGV']);
      },
    );

    test.each([
      ['closed', 'ignore'],
      ['full', '/dev/full'],
    ])('ends just so where standard error is %s', (_what, path) => {
      const errors = path === 'ignore' ? 'ignore' : openSync(path, 'w');
      const {signal} = locked(['call', 'socket 1 1 0'], [], ['ignore', 'pipe', errors]);
      if (typeof errors === 'number') closeSync(errors);
      expect(signal).toBe('SIGSYS');
    });

    test('ends just so where nobody reads the pipe that is its standard error', () => {
      // Full before the server starts: a pipe holds 64 KiB, and its reader only looks how the server fares.
      const full = 'head -c 65536 /dev/zero >&2; exec "$@"';
      const pipeline =
        '{ bash -c "$0" bash "$@" 2>&1 >/dev/null; echo $? >&3; } 3>"$RESULT" | { sleep 2; cp "$RESULT" "$RESULT.seen"; }';
      const result = join(directory, 'status');
      const run = [process.execPath, script, 'call', 'socket 1 1 0'];
      spawnSync('bash', ['-c', pipeline, full, ...run], {
        stdio: 'ignore',
        timeout: 30_000,
        env: {TZ: 'UTC', RESULT: result},
      });
      expect(readFileSync(`${result}.seen`, 'latin1').trim()).toBe(String(128 + constants.signals.SIGSYS));
    });

    test('asks for executable memory only where there are compilers', () => {
      // An address that is nobody's: the kernel says so where the filter lets the question through.
      const call = ['call', `mprotect 4096 4096 ${1 | PROT_EXEC}`];
      expect(locked(call).answers).toEqual(['locked', {result: -1, errno: 12}]);
      const {signal, stderr} = locked(call, ['--jitless']);
      expect(signal).toBe('SIGSYS');
      expect(breadcrumbs(stderr)).toMatchObject([{systemCall: 'mprotect'}]);
    });

    test.each([[[]], [['--jitless']]])('compiles and collects garbage on all threads (%j)', (flags) => {
      const {answers, signal, stderr} = locked(['compilers-at-work'], flags);
      expect({answers, signal, crumbs: breadcrumbs(stderr)}).toEqual({
        answers: [[true, expect.any(Number)]],
        signal: null,
        crumbs: [],
      });
    });

    test('finds nothing missing that it would have to load', () => {
      const {answers, signal, stderr} = locked(['everything-lazy'], ['--no-warnings']);
      expect({answers, signal}).toEqual({answers: [[16, 70_000]], signal: null});
      expect(stderr).toContain('something to warn of');
      expect(breadcrumbs(stderr)).toEqual([]);
    });

    test.each([
      ['uncaught-exception', 'nobody catches this'],
      ['unhandled-rejection', 'nobody handles this'],
    ])('fails as it would without a filter: %s', (scenario, message) => {
      const {status, signal, stderr} = locked([scenario]);
      expect({status, signal, crumbs: breadcrumbs(stderr)}).toEqual({status: 1, signal: null, crumbs: []});
      expect(stderr).toContain(message);
    });

    test('survives the failure of a thread, and its end by order', () => {
      expect(locked(['worker-fails'])).toMatchObject({
        status: 0,
        answers: ['Error: the other thread failed'],
      });
      expect(locked(['worker-terminated'])).toMatchObject({status: 0, answers: [1]});
    });

    test('tells that its heap is full', () => {
      const {signal, stderr} = locked(['heap-limit'], ['--max-old-space-size=40']);
      expect(stderr).toContain('JavaScript heap out of memory');
      expect({signal, crumbs: breadcrumbs(stderr)}).toEqual({signal: 'SIGABRT', crumbs: []});
    });

    test('keeps no descriptor whose number is beyond its limit', () => {
      const {answers} = locked(['descriptor-beyond-limit']);
      expect(answers[0]).toEqual({beyond: []});
    });

    test('keeps none of the descriptors that it was not given', () => {
      const file = openSync(process.execPath, 'r');
      const folder = openSync(directory, 'r');
      const tty = openSync('/dev/zero', 'r');
      try {
        const {answers} = locked(['foreign-descriptors'], [], ['ignore', 'pipe', 'pipe', file, folder, tty]);
        const [{closed, left, own}] = answers;
        expect(closed).toBeGreaterThanOrEqual(3);
        const kinds = left.map((each: string) => each.split(' ')[1]);
        expect(new Set(kinds)).toEqual(
          new Set(['anon_inode', 'pipe', '/dev/null', ...kinds.filter((k: string) => k === '/')]),
        );
        expect(left).toContain(`${own} /dev/null`);
      } finally {
        for (const fd of [file, folder, tty]) closeSync(fd);
      }
    });
  },
);
