import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {join} from 'node:path';
import * as posix from '../../support/posix.js';
import * as calls from './calls.js';

/** What a file system may lack; a check that needs it is skipped with that reason. */
export type Feature =
  | 'hard-links'
  | 'symlinks'
  | 'devices'
  | 'birth-time'
  | 'tmpfile'
  | 'rename-flags'
  | 'xattr-flags'
  | 'inode-flags'
  | 'fallocate';

/** What any directory of a writable file system must do. Each check gets an empty directory of its own. */
export interface Check {
  readonly name: string;
  readonly needs?: readonly Feature[];
  run(dir: string): void;
}

const code = (expected: string) => (error: unknown) => (error as {code?: string}).code === expected;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

export const CHECKS: readonly Check[] = [
  {
    name: 'a file holds what was written, and stat shows it',
    run(dir) {
      const path = join(dir, 'file');
      fs.writeFileSync(path, 'Hello, world', {mode: 0o640});
      const stat = fs.statSync(path);
      assert.equal(fs.readFileSync(path, 'utf8'), 'Hello, world');
      assert.deepEqual([stat.size, stat.mode, stat.nlink, stat.uid], [12, 0o100640 & ~process.umask(), 1, 0]);
      assert.ok(Math.abs(Date.now() - stat.mtimeMs) < 60_000);
    },
  },
  {
    name: 'what is not there is ENOENT, also after it was made and removed',
    run(dir) {
      const path = join(dir, 'file');
      assert.throws(() => fs.statSync(path), code('ENOENT'));
      fs.writeFileSync(path, 'x');
      fs.statSync(path);
      fs.unlinkSync(path);
      assert.throws(() => fs.statSync(path), code('ENOENT'));
      assert.throws(() => fs.readFileSync(path), code('ENOENT'));
      assert.throws(() => fs.unlinkSync(path), code('ENOENT'));
    },
  },
  {
    name: 'five megabytes, written and read in odd pieces',
    run(dir) {
      const path = join(dir, 'large');
      const content = Buffer.from(Array.from({length: 5_000_011}, (_, i) => (i * 31 + (i >> 8)) & 0xff));
      const fd = fs.openSync(path, 'w');
      for (let at = 0; at < content.length; at += 300_007)
        fs.writeSync(fd, content, at, Math.min(300_007, content.length - at), at);
      fs.closeSync(fd);
      assert.ok(fs.readFileSync(path).equals(content));
      const reading = fs.openSync(path, 'r');
      const piece = Buffer.alloc(70_001);
      for (const at of [0, 1, 4095, 65_535, 1_048_575, 4_990_000]) {
        const length = fs.readSync(reading, piece, 0, piece.length, at);
        assert.ok(piece.subarray(0, length).equals(content.subarray(at, at + piece.length)));
      }
      assert.equal(fs.readSync(reading, piece, 0, 10, content.length), 0);
      fs.closeSync(reading);
    },
  },
  {
    name: 'a write past the end leaves zeros, truncate cuts and grows',
    run(dir) {
      const path = join(dir, 'sparse');
      const fd = fs.openSync(path, 'w+');
      fs.writeSync(fd, 'end', 10_000);
      assert.equal(fs.fstatSync(fd).size, 10_003);
      fs.ftruncateSync(fd, 10_001);
      fs.ftruncateSync(fd, 10_002);
      const all = Buffer.alloc(20_000);
      assert.equal(fs.readSync(fd, all, 0, 20_000, 0), 10_002);
      assert.ok(all.subarray(0, 10_000).every((byte) => byte === 0));
      assert.deepEqual([...all.subarray(10_000, 10_002)], [0x65, 0]);
      fs.closeSync(fd);
      fs.truncateSync(path, 3);
      assert.deepEqual([...fs.readFileSync(path)], [0, 0, 0]);
      fs.writeFileSync(path, 'new');
      assert.equal(fs.readFileSync(path, 'utf8'), 'new');
    },
  },
  {
    name: 'append adds at the end',
    run(dir) {
      const path = join(dir, 'log');
      for (const line of ['one\n', 'two\n', 'three\n']) fs.appendFileSync(path, line);
      assert.equal(fs.readFileSync(path, 'utf8'), 'one\ntwo\nthree\n');
    },
  },
  {
    name: 'a mapping shows the file',
    run(dir) {
      const path = join(dir, 'mapped');
      fs.writeFileSync(path, 'x'.repeat(5000) + 'y'.repeat(5000));
      const fd = fs.openSync(path, 'r');
      assert.equal(posix.readMapped(fd, 4096, 1000).toString(), 'x'.repeat(904) + 'y'.repeat(96));
      fs.closeSync(fd);
    },
  },
  {
    name: 'mode, owner and times are kept to the nanosecond',
    run(dir) {
      const path = join(dir, 'file');
      fs.writeFileSync(path, '');
      fs.chmodSync(path, 0o604);
      fs.chownSync(path, 12, 34);
      posix.setTimes(path, 1_000_000_000_123_456_789n, -1_500_000_000n);
      const stat = posix.statx(posix.cString(path));
      assert.deepEqual([stat.mode, stat.uid, stat.gid], [0o100604, 12, 34]);
      assert.deepEqual([stat.atime, stat.mtime], [1_000_000_000_123_456_789n, -1_500_000_000n]);
    },
  },
  {
    name: 'an unlinked file lives on while it is open',
    run(dir) {
      const path = join(dir, 'gone');
      const fd = fs.openSync(path, 'w+');
      fs.unlinkSync(path);
      fs.writeSync(fd, 'still here', 0);
      const read = Buffer.alloc(20);
      assert.equal(fs.readSync(fd, read, 0, 20, 0), 10);
      assert.equal(fs.fstatSync(fd).nlink, 0);
      fs.closeSync(fd);
      assert.deepEqual(fs.readdirSync(dir), []);
    },
  },
  {
    name: 'directories are made, listed and removed when empty',
    run(dir) {
      fs.mkdirSync(join(dir, 'a/b/c'), {recursive: true});
      fs.writeFileSync(join(dir, 'a/file'), '');
      assert.deepEqual(fs.readdirSync(join(dir, 'a')).sort(), ['b', 'file']);
      assert.throws(() => fs.mkdirSync(join(dir, 'a')), code('EEXIST'));
      assert.throws(() => fs.rmdirSync(join(dir, 'a/b')), code('ENOTEMPTY'));
      assert.throws(() => fs.rmdirSync(join(dir, 'a/file')), code('ENOTDIR'));
      assert.throws(
        () => fs.unlinkSync(join(dir, 'a/b')),
        (error) => code('EISDIR')(error) || code('EPERM')(error),
      );
      fs.rmdirSync(join(dir, 'a/b/c'));
      fs.rmdirSync(join(dir, 'a/b'));
      assert.deepEqual(fs.readdirSync(join(dir, 'a')), ['file']);
    },
  },
  {
    name: 'names of any bytes but two',
    run(dir) {
      const names = [
        Buffer.from([0xff, 0x01, 0x80]),
        Buffer.from('ü ñ 漢'),
        Buffer.alloc(255, 'n'),
        Buffer.from('-\n\\'),
      ];
      for (const name of names) fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), name);
      const listed = fs.readdirSync(dir, {encoding: 'buffer'});
      assert.deepEqual(listed.map(String).sort(), names.map(String).sort());
      assert.throws(
        () => fs.statSync(join(dir, 'n'.repeat(256))),
        (error) => code('ENAMETOOLONG')(error) || code('ENOENT')(error),
      );
    },
  },
  {
    name: 'a directory of 3,000 names: all of them, once, and from any place again',
    run(dir) {
      const names = Array.from({length: 3000}, (_, i) => `entry-${i}`);
      for (const name of names) fs.writeFileSync(join(dir, name), '');
      assert.deepEqual(fs.readdirSync(dir).sort(), [...names].sort());
      const fd = fs.openSync(dir, 'r');
      const entries = posix.getdents(fd);
      const visible = (list: readonly posix.RawDirent[]) => list.map(({name}) => name.toString());
      for (const at of [0, 1, 99, 1500, entries.length - 2]) {
        posix.lseek(fd, Number(entries[at]!.offset), posix.SEEK.SET);
        assert.deepEqual(visible(posix.getdents(fd, 4096)), visible(entries.slice(at + 1)));
      }
      fs.closeSync(fd);
      for (const entry of entries.slice(0, 50).filter(({name}) => name[0] !== 0x2e)) {
        const {ino, mode} = fs.lstatSync(join(dir, entry.name.toString()), {bigint: true});
        assert.deepEqual([entry.ino, BigInt(entry.type)], [ino, mode >> 12n]);
      }
    },
  },
  {
    name: 'a listing that is under way survives removals',
    run(dir) {
      for (let i = 0; i < 500; i++) fs.writeFileSync(join(dir, `n${i}`), '');
      const directory = fs.opendirSync(dir, {bufferSize: 1});
      const seen: string[] = [];
      for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
        seen.push(entry.name);
        fs.unlinkSync(join(dir, entry.name));
      }
      directory.closeSync();
      assert.equal(new Set(seen).size, 500);
      assert.deepEqual(fs.readdirSync(dir), []);
    },
  },
  {
    name: 'rename moves, replaces, and keeps the inode',
    run(dir) {
      fs.mkdirSync(join(dir, 'sub'));
      fs.writeFileSync(join(dir, 'a'), 'A');
      fs.writeFileSync(join(dir, 'sub/b'), 'B');
      const {ino} = fs.statSync(join(dir, 'a'));
      fs.renameSync(join(dir, 'a'), join(dir, 'sub/b'));
      assert.equal(fs.readFileSync(join(dir, 'sub/b'), 'utf8'), 'A');
      assert.equal(fs.statSync(join(dir, 'sub/b')).ino, ino);
      assert.deepEqual(fs.readdirSync(dir), ['sub']);
      fs.renameSync(join(dir, 'sub'), join(dir, 'moved'));
      assert.deepEqual(fs.readdirSync(join(dir, 'moved')), ['b']);
      fs.mkdirSync(join(dir, 'empty'));
      assert.throws(() => fs.renameSync(join(dir, 'empty'), join(dir, 'moved')), code('ENOTEMPTY'));
      assert.throws(() => fs.renameSync(join(dir, 'moved'), join(dir, 'moved/in')), code('EINVAL'));
    },
  },
  {
    name: 'rename that must not replace, and exchange',
    needs: ['rename-flags'],
    run(dir) {
      const [a, b] = [join(dir, 'a'), join(dir, 'b')];
      fs.writeFileSync(a, 'A');
      fs.writeFileSync(b, 'B');
      assert.throws(() => calls.rename(a, b, RENAME_NOREPLACE), code('EEXIST'));
      calls.rename(a, b, RENAME_EXCHANGE);
      assert.deepEqual([fs.readFileSync(a, 'utf8'), fs.readFileSync(b, 'utf8')], ['B', 'A']);
    },
  },
  {
    name: 'extended attributes are set, listed, changed and removed',
    run(dir) {
      const path = join(dir, 'file');
      fs.writeFileSync(path, '');
      const file = posix.cString(path);
      posix.lsetxattr(path, 'user.one', Buffer.from([1, 0, 2]));
      posix.lsetxattr(path, 'user.two', Buffer.alloc(2000, 7));
      posix.lsetxattr(path, 'user.one', Buffer.from('new'));
      assert.deepEqual(
        posix
          .llistxattr(file)
          .filter((name) => name.startsWith('user.'))
          .sort(),
        ['user.one', 'user.two'],
      );
      assert.equal(posix.lgetxattr(file, 'user.one').toString(), 'new');
      assert.equal(posix.lgetxattr(file, 'user.two').length, 2000);
      calls.removexattr(path, 'user.one');
      assert.throws(() => posix.lgetxattr(file, 'user.one'), code('ENODATA'));
      assert.throws(() => calls.removexattr(path, 'user.one'), code('ENODATA'));
    },
  },
  {
    name: 'setxattr that must make, or must replace',
    needs: ['xattr-flags'],
    run(dir) {
      const path = join(dir, 'file');
      const value = Buffer.from('v');
      fs.writeFileSync(path, '');
      assert.throws(() => calls.setxattr(path, 'user.a', value, 2), code('ENODATA'));
      calls.setxattr(path, 'user.a', value, 1);
      assert.throws(() => calls.setxattr(path, 'user.a', value, 1), code('EEXIST'));
    },
  },
  {
    name: 'a hard link is the same file',
    needs: ['hard-links'],
    run(dir) {
      const [a, b] = [join(dir, 'a'), join(dir, 'b')];
      fs.writeFileSync(a, 'A');
      fs.linkSync(a, b);
      fs.appendFileSync(b, 'B');
      assert.equal(fs.readFileSync(a, 'utf8'), 'AB');
      assert.deepEqual([fs.statSync(a).nlink, fs.statSync(a).ino], [2, fs.statSync(b).ino]);
      fs.unlinkSync(a);
      assert.equal(fs.statSync(b).nlink, 1);
    },
  },
  {
    name: 'symbolic links lead on',
    needs: ['symlinks'],
    run(dir) {
      fs.writeFileSync(join(dir, 'file'), 'F');
      fs.symlinkSync('file', join(dir, 'link'));
      fs.symlinkSync('x'.repeat(4000), join(dir, 'long'));
      assert.equal(fs.readFileSync(join(dir, 'link'), 'utf8'), 'F');
      assert.equal(fs.readlinkSync(join(dir, 'link')), 'file');
      assert.equal(fs.readlinkSync(join(dir, 'long')).length, 4000);
      assert.equal(fs.lstatSync(join(dir, 'link')).size, 4);
    },
  },
  {
    name: 'devices, pipes and sockets show their type and number',
    needs: ['devices'],
    run(dir) {
      posix.mknod(join(dir, 'pipe'), posix.S_IF.FIFO | 0o600);
      posix.mknod(join(dir, 'disk'), posix.S_IF.BLK | 0o600, 259, 0x12345);
      assert.ok(fs.statSync(join(dir, 'pipe')).isFIFO());
      const disk = posix.statx(posix.cString(join(dir, 'disk')));
      assert.deepEqual([disk.mode & 0o170000, disk.rdev], [posix.S_IF.BLK, `259:${0x12345}`]);
    },
  },
  {
    name: 'statx knows the time of birth',
    needs: ['birth-time'],
    run(dir) {
      fs.writeFileSync(join(dir, 'file'), '');
      const {btime} = posix.statx(posix.cString(join(dir, 'file')));
      assert.ok(btime !== null && btime > 1_600_000_000_000_000_000n);
    },
  },
  {
    name: 'inode flags are asked for by ioctl',
    needs: ['inode-flags'],
    run(dir) {
      fs.writeFileSync(join(dir, 'file'), '');
      for (const name of ['file', '.']) {
        const fd = fs.openSync(join(dir, name), 'r');
        const flags = new Uint8Array(8).fill(0xff);
        posix.ioctl(fd, posix.IOCTL.GETFLAGS, flags);
        assert.notDeepEqual([...flags.subarray(0, 4)], [0xff, 0xff, 0xff, 0xff]);
        fs.closeSync(fd);
      }
    },
  },
  {
    name: 'fallocate makes a file longer, or not',
    needs: ['fallocate'],
    run(dir) {
      const fd = fs.openSync(join(dir, 'file'), 'w+');
      posix.fallocate(fd, posix.FALLOC.KEEP_SIZE, 0, 9000);
      assert.equal(fs.fstatSync(fd).size, 0);
      posix.fallocate(fd, 0, 0, 9000);
      assert.equal(fs.fstatSync(fd).size, 9000);
      assert.equal(posix.lseek(fd, 0, posix.SEEK.DATA) <= 9000, true);
      assert.equal(posix.lseek(fd, 0, posix.SEEK.HOLE) <= 9000, true);
      assert.throws(() => posix.lseek(fd, 9000, posix.SEEK.DATA), code('ENXIO'));
      fs.closeSync(fd);
    },
  },
  {
    name: 'a file without a name',
    needs: ['tmpfile'],
    run(dir) {
      const O_TMPFILE = 0o20200000;
      const fd = fs.openSync(dir, O_TMPFILE | fs.constants.O_RDWR, 0o600);
      fs.writeSync(fd, 'nameless', 0);
      const read = Buffer.alloc(8);
      fs.readSync(fd, read, 0, 8, 0);
      assert.equal(read.toString(), 'nameless');
      assert.deepEqual(fs.readdirSync(dir), []);
      fs.closeSync(fd);
    },
  },
  {
    name: 'a file copied to another',
    run(dir) {
      fs.writeFileSync(join(dir, 'a'), 'copy me'.repeat(1000));
      const [from, to] = [fs.openSync(join(dir, 'a'), 'r'), fs.openSync(join(dir, 'b'), 'w')];
      assert.equal(calls.copyFileRange(from, to, 4000), 4000);
      assert.equal(calls.copyFileRange(from, to, 9000), 3000);
      for (const fd of [from, to]) fs.closeSync(fd);
      assert.ok(fs.readFileSync(join(dir, 'b')).equals(fs.readFileSync(join(dir, 'a'))));
    },
  },
];
