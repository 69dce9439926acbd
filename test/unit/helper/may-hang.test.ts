import {mkdirSync, mkdtempSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {mayHang} from '../../../src/helper/may-hang.js';
import {parseMountInfo} from '../../../src/sys/mount-info.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'fuseward-hang-'));
  mkdirSync(join(dir, 'net'));
  mkdirSync(join(dir, 'here'));
  symlinkSync('../net/share', join(dir, 'here/relative'));
  symlinkSync(join(dir, 'net'), join(dir, 'here/absolute'));
  symlinkSync('circle', join(dir, 'here/circle'));
});
afterAll(() => rmSync(dir, {recursive: true}));

/** A mount table in which `net` is a network's and `here` is a local file system's. */
const table = (type: string) =>
  parseMountInfo(
    [
      `20 1 8:1 / / rw - ext4 /dev/sda1 rw`,
      `30 20 0:40 / ${dir}/net rw - ${type} server:/share rw`,
      `31 20 8:2 / ${dir}/here rw - xfs /dev/sda2 rw`,
    ].join('\n'),
  );

const rows: Array<[path: string, hangs: boolean]> = [
  ['net', true],
  ['net/share/image', true],
  ['here/relative/image', true],
  ['here/absolute', true],
  ['here/absolute/../here/file', true],
  ['here/../net', true],
  ['here/file', false],
  ['here/circle', false],
  ['here/missing/../../net/x', true],
  ['network', false],
];
for (const type of ['nfs4', 'fuse.sshfs', 'cifs', 'autofs', '9p', 'something-new']) {
  test(`${type} may hang, however the way leads there`, () => {
    for (const [path, hangs] of rows)
      expect({path, hangs: mayHang(`${dir}/${path}`, table(type))}).toEqual({path, hangs});
  });
}

test('local file systems do not', () => {
  for (const type of ['ext4', 'btrfs', 'tmpfs', 'overlay', 'vfat']) {
    expect(rows.some(([path]) => mayHang(`${dir}/${path}`, table(type)))).toBe(false);
  }
});
