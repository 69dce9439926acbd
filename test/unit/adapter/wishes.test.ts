import {expect, test} from 'vitest';
import {sortWishes} from '../../../src/adapter/wishes.js';
import {MS_NOATIME, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME} from '../../../src/sys/mount-flags.js';

const nothing = {flags: 0, fuse: [], fuseblk: false, unsafe: [], unknown: []};

const rows: Array<[what: string, options: string[], wishes: object]> = [
  ['flags', ['rw', 'ro', 'noexec', 'nosuid'], {flags: MS_RDONLY | MS_NOEXEC | MS_NOSUID}],
  ['the last way of keeping access times counts', ['noatime', 'relatime'], {flags: MS_RELATIME}],
  ['the other way round', ['relatime', 'noatime'], {flags: MS_NOATIME}],
  ['for the kernel', ['allow_other', 'max_read=4096'], {fuse: ['allow_other', 'max_read=4096']}],
  ['a block device', ['blkdev'], {fuseblk: true}],
  ['what would make it less safe', ['suid', 'dev'], {unsafe: ['suid', 'dev']}],
  [
    'what is not theirs to say',
    ['fd=3', 'rootmode=40000', 'user_id=0', 'fsname=x', 'subtype=y', 'nonempty'],
    {},
  ],
  ['labels are asked for', ['context=a:b'], {fuse: ['context=a:b']}],
  ['a flag with a value is none', ['ro=1'], {unknown: ['ro=1']}],
  ['allow_other with a value is none', ['allow_other=1'], {unknown: ['allow_other=1']}],
  [
    'what nobody knows',
    ['bind', 'remount', 'x-gvfs', 'source=/etc'],
    {unknown: ['bind', 'remount', 'source=/etc']},
  ],
];
test.each(rows)('wishes: %s', (_what, options, wishes) => {
  expect(sortWishes(options)).toEqual({...nothing, ...wishes});
});
