import {closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {FileSource} from '../../src/block/index.js';
import {Ext4Error, Volume} from '../../src/ext4/index.js';
import {cannotContain, fuseward, tracesOf} from '../support/contained-mount.js';
import {cannotMount, skipped} from '../support/oracle.js';
import {kernelRefuses, REFUSED} from '../support/refused.js';

/** What is no file system that can be mounted: the kernel refuses it, the driver says why, and the command leaves nothing. */
const reason = cannotMount() ?? cannotContain();
const title = skipped(reason);

function errnoOf(image: string): string {
  const fd = openSync(image, 'r');
  try {
    Volume.open(new FileSource(fd), {cacheLimit: 1 << 20}).statfs();
    return 'opened';
  } catch (error) {
    if (error instanceof Ext4Error) return error.errno;
    throw error;
  } finally {
    closeSync(fd);
  }
}

describe.skipIf(reason !== undefined)(`images that are refused${title}`, () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'fuseward-refused-'));
  });
  afterAll(() => rmSync(directory, {recursive: true}));

  for (const [i, {what, make, errno, said}] of REFUSED.entries()) {
    test(what, () => {
      const image = join(directory, `${i}.img`);
      const target = join(directory, `${i}`);
      mkdirSync(target);
      make(image);
      expect(kernelRefuses(image, target)).toBe(true);
      expect(errno).toContain(errnoOf(image));
      const {status, stderr, stdout} = fuseward('mount', '-t', 'ext4', image, target);
      expect({status, stdout}).toEqual({status: 1, stdout: ''});
      expect(stderr).toMatch(said);
      expect(stderr).toContain(image);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(tracesOf(directory)).toEqual({mounts: [], loops: [], processes: []});
      expect(statSync(target).dev).toBe(statSync(directory).dev);
    });
  }
});
