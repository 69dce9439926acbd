import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync, readFileSync, rmSync} from 'node:fs';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {eventually} from '../../../src/helper/cleanup.js';
import {type MountRecord, writeRecord} from '../../../src/launch/mount-record.js';
import {sweepRecords} from '../../../src/launch/record-sweep.js';
import {fuseConnections} from '../../../src/sys/fuse-connections.js';
import {readMounts} from '../../../src/sys/mount-info.js';
import {processStart} from '../../../src/sys/process-state.js';

/** No kernel counts so far. */
const CONNECTION = 4_100_000_000 + process.pid;
const FILE = `/run/fuseward/mounts/${CONNECTION}.json`;
const missing = process.getuid?.() === 0 ? undefined : 'not root';

describe.skipIf(missing !== undefined)(
  `a sandbox whose mount is gone${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let child: ChildProcess;
    beforeEach(() => {
      child = spawn('sleep', ['60'], {stdio: 'ignore'});
    });
    afterEach(() => {
      child.kill('SIGKILL');
      rmSync(FILE, {force: true});
    });

    const keep = (start: string): void => {
      const sandbox = {pid: child.pid!, start};
      const record = {connectionId: CONNECTION, mountId: 2 ** 31 - 2, sandbox};
      writeRecord(record as unknown as MountRecord);
    };
    const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;

    test('has its time, and is ended then', async () => {
      keep(processStart(child.pid!)!);
      sweepRecords(30_000);
      expect(JSON.parse(readFileSync(FILE, 'utf8'))).toMatchObject({goneSince: expect.any(String)});
      sweepRecords(30_000);
      expect(isGone()).toBe(false);
      sweepRecords(0);
      expect(await eventually(isGone, 5_000)).toBe(true);
      expect(existsSync(FILE)).toBe(false);
    });

    test('is left alone where its number is another process by now', async () => {
      keep('1');
      sweepRecords(0);
      sweepRecords(0);
      expect(existsSync(FILE)).toBe(false);
      expect(await eventually(isGone, 200)).toBe(false);
    });

    test('is known by the list of connections, mounted or not', () => {
      const shown = fuseConnections();
      // Others may mount and unmount meanwhile; a number that is far off is nobody's.
      const own = fuseConnections(readMounts().filter(({fsType}) => fsType !== 'fusectl'));
      expect(own).toBeDefined();
      expect(own!.has(CONNECTION)).toBe(false);
      expect([...own!].some((number) => shown!.has(number)) || own!.size * shown!.size === 0).toBe(true);
    });
  },
);
