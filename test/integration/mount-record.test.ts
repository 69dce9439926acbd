import {existsSync, mkdirSync, readFileSync} from 'node:fs';
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {recordFile} from '../../src/launch/mount-record.js';
import {takeRecordLock} from '../../src/launch/record-lock.js';
import {sweepRecords} from '../../src/launch/record-sweep.js';
import {connectionOf, mountAtPath} from '../../src/sys/mount-info.js';
import {
  type Bench,
  bench,
  fuseward,
  leftovers,
  serverProcesses,
  settled,
  startFuseward,
} from './command-support.js';
import {missingForMounts} from './helper-support.js';

/** Done whenever the mount table has been read and before anybody makes something of it. */
const afterRead = vi.hoisted(() => ({act: (): void => undefined}));
vi.mock('../../src/sys/mount-info.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/sys/mount-info.js')>();
  const readMounts = (): ReturnType<typeof original.readMounts> => {
    const table = original.readMounts();
    afterRead.act();
    return table;
  };
  return {...original, readMounts};
});

const missing = missingForMounts();
let place: Bench;
let before: number;

/** Waits without letting anything else of this process run, as a sweep does. */
function wait(isSo: () => boolean, ms: number): void {
  const end = performance.now() + ms;
  while (!isSo() && performance.now() < end) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
}

describe.skipIf(missing)(`the record of a mount${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(() => {
    place = bench();
    before = serverProcesses().length;
  });
  afterEach(() => {
    afterRead.act = () => undefined;
    fuseward(['umount', '--lazy', place.target]);
    place.remove();
  });

  test('stays where a sweep has read the mount table just before the mount came', async () => {
    let mounting: Promise<number | null> | undefined;
    afterRead.act = () => {
      if (mounting !== undefined) return;
      mounting = startFuseward(['mount', place.image, place.target]).ended;
      const isThere = (): boolean =>
        readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${place.target} `);
      wait(isThere, 10_000);
      expect(isThere()).toBe(true);
      // Time to note it, for who does not wait for the sweep.
      wait(() => false, 300);
    };
    expect(sweepRecords()).toBe('done');
    expect(await mounting).toBe(0);
    const file = recordFile(connectionOf(mountAtPath(place.target)!));
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({target: place.target});
    expect(fuseward(['umount', place.target]).code).toBe(0);
    expect(existsSync(file)).toBe(false);
  });

  test('is written at last where somebody sits on the lock, and what is swept meanwhile is nothing', async () => {
    using _ = takeRecordLock(0);
    expect(takeRecordLock(20)).toBeUndefined();
    expect(sweepRecords()).toBe('busy');
    expect(fuseward(['mount', place.image, place.target])).toEqual({code: 0, stdout: '', stderr: ''});
    expect(leftovers(place.dir).records).toHaveLength(1);
  });

  test('that can not be written is a mount that is undone', async () => {
    mkdirSync('/run/fuseward/mounts', {recursive: true});
    const full =
      'mount -t tmpfs -o size=4k,nr_inodes=1 none /run/fuseward/mounts || exit; code=0; "$@" || code=$?; grep fuse.ext4 /proc/self/mountinfo; exit $code';
    const without = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', full, 'sh'];
    expect(fuseward(['mount', place.image, place.target], without)).toEqual({
      code: 1,
      stdout: '',
      stderr: `fuseward: can't mount ${place.image} on ${place.target}: it can't be noted what was mounted: no space left on device (ENOSPC)\n`,
    });
    expect(await settled(place.dir, before)).toEqual({mounts: [], loops: [], servers: before, records: []});
  });
});
