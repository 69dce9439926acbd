import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {test} from 'vitest';
import {kernelFeatures, kernelRelease, kernelVersion} from '../../../src/sys/kernel.js';
import {landlockAbi} from '../../../src/sys/landlock.js';

test("the release is uname's", () => {
  assert.equal(kernelRelease(), execFileSync('uname', ['-r'], {encoding: 'utf8'}).trim());
});

for (const [release, version] of [
  ['6.18.44-generic', [6, 18]],
  ['5.10', [5, 10]],
  ['4.19.0+', [4, 19]],
  ['odd', [0, 0]],
] as const) {
  test(`release ${release}`, () => assert.deepEqual(kernelVersion(release), version));
}

test('what the files of this kernel say', () => {
  const features = kernelFeatures();
  assert.equal(features.landlockAbi, landlockAbi());
  assert.equal(features.fuseDevice, existsSync('/dev/fuse'));
  const uring = '/sys/module/fuse/parameters/enable_uring';
  const expected = existsSync(uring) ? readFileSync(uring, 'utf8').trim() === 'Y' : undefined;
  assert.equal(features.fuseUring, expected);
  const actions = '/proc/sys/kernel/seccomp/actions_avail';
  assert.equal(
    features.seccompActions.join(' '),
    existsSync(actions) ? readFileSync(actions, 'utf8').trim() : '',
  );
  assert.equal(features.fuseFileSystem, /^nodev\tfuse$/m.test(readFileSync('/proc/filesystems', 'utf8')));
});
