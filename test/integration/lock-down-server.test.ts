import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {ControlClient} from '../../src/control/client.js';
import {serverMessages} from '../../src/control/schemas.js';
import {eventually} from '../../src/helper/cleanup.js';
import {allowedSystemCalls} from '../../src/server/system-calls.js';
import {cannotContain, fuseward} from '../support/contained-mount.js';
import {bench} from './command-support.js';
import {missingForMounts} from './helper-support.js';

const noStrace = spawnSync('strace', ['-V']).error === undefined ? undefined : 'no strace';
const missing = missingForMounts() ?? cannotContain() ?? noStrace;
const SOON_MS = 20_000;

/** Content of a file that need not be there. */
function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'latin1') : '';
}

/** Calls that a trace shows, by name, and those that were interrupted and went on. */
function callsIn(trace: string): Set<string> {
  const names = [...trace.matchAll(/^\d+\s+(?:<\.\.\. )?(\w+)(?:\(| resumed>)/gm)];
  return new Set(names.map(([, name]) => name!));
}

describe.skipIf(missing !== undefined)(
  `a server that is locked down${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let place: ReturnType<typeof bench>;
    let directory: string;
    let server: {pid: number; controlSocket: string};
    beforeEach(() => {
      place = bench();
      directory = mkdtempSync(join(tmpdir(), 'fuseward-trace-'));
      const {status, stdout, stderr} = fuseward('mount', '--json', '-t', 'ext4', place.image, place.target);
      expect({status, stderr}).toEqual({status: 0, stderr: ''});
      const {serverPid: pid, controlSocket} = JSON.parse(stdout);
      server = {pid, controlSocket};
    });
    afterEach(() => {
      fuseward('umount', place.target);
      place.remove();
      rmSync(directory, {recursive: true, force: true});
    });

    /** A tracer that looks at all threads; ready when it has them. */
    async function traced(file: string): Promise<ChildProcess> {
      const tracer = spawn('strace', ['-f', '-p', `${server.pid}`, '-o', file], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      await once(tracer.stderr!, 'data');
      return tracer;
    }

    test('makes no other system calls than those on the list, whatever it is asked', async () => {
      const file = join(directory, 'trace');
      const tracer = await traced(file);
      const ended = once(tracer, 'exit');
      spawnSync('ls', ['-laR', place.target]);
      spawnSync('sh', ['-c', `find ${place.target} -type f | head -100 | xargs cat`]);
      spawnSync('getfattr', ['-R', '-d', '-m', '-', place.target]);
      statfsSync(place.target);
      const client = await ControlClient.connect(server.controlSocket, serverMessages);
      for (const order of ['ping', 'stats', 'caches', 'drop', 'freeze', 'thaw', 'sync'] as const) {
        await client.request({do: order});
      }
      await client.request({do: 'limit', bytes: 65_536});
      client.close();
      const {status} = fuseward('umount', place.target);
      expect(status).toBe(0);
      await ended;
      const used = callsIn(readFileSync(file, 'latin1'));
      expect([...used]).toEqual(expect.arrayContaining(['read', 'write', 'pread64', 'accept4', 'tgkill']));
      const allowed = new Set<string>(
        allowedSystemCalls({jitless: false, pid: 1}).map(({syscall}) => syscall),
      );
      expect([...used].filter((name) => !allowed.has(name))).toEqual([]);
      expect(allowed.size).toBeLessThanOrEqual(60);
    });

    test('holds the descriptors of its mount and no others', () => {
      const held = readdirSync(`/proc/${server.pid}/fd`).map((fd) =>
        readlinkSync(`/proc/${server.pid}/fd/${fd}`)
          .replace(/:\[\d+\]$/, '')
          .replace(/^\/dev\/loop\d+/, '/dev/loop'),
      );
      const kinds = new Set(held);
      expect([...kinds].sort()).toEqual(
        [
          '/',
          '/dev/fuse',
          '/dev/loop',
          '/dev/null',
          '/memfd:fuseward-counters (deleted)',
          '/memfd:fuseward-log (deleted)',
          'anon_inode:[eventfd]',
          'anon_inode:[eventpoll]',
          'pipe',
          'socket',
          place.image,
        ].sort(),
      );
      const count = (kind: string): number => held.filter((each) => each === kind).length;
      // The one that managers connect to, and the mount command's ear.
      expect({fuse: count('/dev/fuse'), image: count(place.image), sockets: count('socket')}).toEqual({
        fuse: 1,
        image: 1,
        sockets: 2,
      });
    });

    // What malloc reads to know that lies in /sys, of which the sandbox has nothing else.
    const onAsking = /\[madvise\]/.test(textOf('/sys/kernel/mm/transparent_hugepage/enabled'));
    test.skipIf(!onAsking)('has its heap in huge pages where the kernel gives them to who asks', () => {
      const maps = readFileSync(`/proc/${server.pid}/smaps`, 'latin1');
      const [, heap = ''] = maps.split(/^.*\[heap\]$/m);
      expect(heap.match(/^VmFlags:.*$/m)?.[0]).toMatch(/ hg( |$)/);
    });

    test('can be ended by SIGTERM', async () => {
      const opened = openSync(place.target, 'r');
      process.kill(server.pid, 'SIGTERM');
      await eventually(() => {
        try {
          return /^State:\s*Z/m.test(readFileSync(`/proc/${server.pid}/status`, 'latin1'));
        } catch {
          return true;
        }
      }, SOON_MS);
      closeSync(opened);
      expect(() => readdirSync(place.target)).toThrow(/ENOTCONN|ECONNABORTED/);
    });
  },
);
