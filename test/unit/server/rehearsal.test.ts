import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {rehearseServing} from '../../../src/server/rehearsal-serving.js';
import {rehearsalVolume, VOLUME} from '../../../src/server/rehearsal-volume.js';

test('the volume of the rehearsal is a sound file system that holds what is said of it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fuseward-rehearsal-'));
  const image = join(directory, 'image');
  try {
    writeFileSync(image, rehearsalVolume());
    execFileSync('e2fsck', ['-fn', image], {stdio: 'pipe'});
    const listing = execFileSync('debugfs', ['-R', 'ls -p /', image], {encoding: 'utf8', stdio: 'pipe'});
    expect(listing).toContain(`/${VOLUME.file}/100644/`);
  } finally {
    rmSync(directory, {recursive: true});
  }
});

test.each(['ext4', 'auto'])('every request of the rehearsal is answered, as type %s', (type) => {
  expect(rehearseServing(type)).toBe(0);
});
