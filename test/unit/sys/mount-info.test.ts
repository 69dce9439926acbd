import assert from 'node:assert/strict';
import {statSync} from 'node:fs';
import {test} from 'vitest';
import {mountAtPath, parseMountInfo, readMounts} from '../../../src/sys/mount-info.js';

test('a line with tags, escapes and a subtype', () => {
  const line =
    '36 35 98:0 /mnt\\0401 /mnt/with\\040space\\011tab\\012line\\134back\\043hash rw,noatime shared:1 master:2 - fuse.ext4 /dev/sd\\040a rw,user_id=0\n';
  assert.deepEqual(parseMountInfo(line), [
    {
      id: 36,
      parentId: 35,
      major: 98,
      minor: 0,
      root: '/mnt 1',
      target: '/mnt/with space\ttab\nline\\back#hash',
      options: ['rw', 'noatime'],
      tags: ['shared:1', 'master:2'],
      fsType: 'fuse.ext4',
      source: '/dev/sd a',
      superOptions: ['rw', 'user_id=0'],
    },
  ]);
});

test('an escaped backslash before digits stays what it was', () => {
  // A directory named "a\040b" shows as a\134040b.
  const [entry] = parseMountInfo('1 0 0:1 / /a\\134040b rw - tmpfs none rw');
  assert.equal(entry?.target, '/a\\040b');
});

test('names beyond ASCII, a hyphen as source, and no source at all', () => {
  const entries = parseMountInfo(
    ['1 0 0:1 / /Grüße rw - tmpfs - rw', '2 0 0:2 / /b rw shared:3 - tmpfs  rw'].join('\n'),
  );
  assert.deepEqual(
    entries.map(({target, source, superOptions}) => [target, source, superOptions]),
    [
      ['/Grüße', '-', ['rw']],
      ['/b', '', ['rw']],
    ],
  );
});

for (const line of ['', '1 2 3', '1 0 0:1 / /a rw tmpfs none rw', '1 0 x / /a rw - tmpfs none rw']) {
  test(`not a mount: ${JSON.stringify(line)}`, () => assert.deepEqual(parseMountInfo(line), []));
}

test('of mounts on top of each other the uppermost is found', () => {
  const mounts = parseMountInfo(
    [
      '10 1 0:1 / / rw - ext4 root rw',
      '20 10 0:2 / /m rw - tmpfs below rw',
      '30 20 0:3 / /m rw - tmpfs above rw',
      '40 10 0:4 / /m/n rw - tmpfs other rw',
    ].join('\n'),
  );
  assert.equal(mountAtPath('/m', mounts)?.source, 'above');
  // The order of the lines does not matter.
  assert.equal(mountAtPath('/m', [...mounts].reverse())?.source, 'above');
  assert.equal(mountAtPath('/m/n', mounts)?.source, 'other');
  assert.equal(mountAtPath('/m/', mounts), undefined);
  assert.equal(mountAtPath('/x', mounts), undefined);
});

test('the mounts of this process', () => {
  const proc = mountAtPath('/proc', readMounts());
  assert.equal(proc?.fsType, 'proc');
  const {dev} = statSync('/proc');
  assert.deepEqual([proc?.major, proc?.minor], [dev >> 8, dev & 0xff]);
  assert.throws(() => readMounts(0x7fffffff), {code: 'ENOENT', call: 'read'});
});
