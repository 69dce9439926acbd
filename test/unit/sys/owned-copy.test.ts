import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {makeBlockNode} from '../../../src/sys/device-node.js';
import {deviceOf} from '../../../src/sys/device-of.js';
import {O_PATH, O_RDONLY, O_RDWR, type OwnedFd, openFd, reopenFd} from '../../../src/sys/fd.js';
import {mountAt} from '../../../src/sys/mount.js';
import {readMounts} from '../../../src/sys/mount-info.js';
import {inOwnMountNamespace} from '../../../src/sys/mount-namespace.js';
import {ownedCopy, PrivateFileError} from '../../../src/sys/owned-copy.js';

/** Nobody's. */
const STRANGER = 0x7400_1234;
const OWNER = 4711;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fuseward-copy-'));
  chmodSync(dir, 0o700);
});
afterEach(() => rmSync(dir, {recursive: true}));

/** What a shell says that runs as the stranger with a descriptor as its fd 3. */
function asStranger(fd: OwnedFd, script: string): {code: number | null; out: string; err: string} {
  const {status, stdout, stderr} = spawnSync('/bin/sh', ['-c', script], {
    uid: STRANGER,
    gid: STRANGER,
    cwd: '/',
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', fd.fd],
  });
  return {code: status, out: stdout, err: stderr};
}

function secret(mode = 0o600, owner = OWNER): string {
  const path = join(dir, 'secret');
  writeFileSync(path, 'content');
  chownSync(path, owner, owner);
  chmodSync(path, mode);
  return path;
}

describe.skipIf(process.getuid?.() !== 0)('a copy for another user (needs root)', () => {
  const mapping = {uid: OWNER, gid: OWNER, to: STRANGER};

  test('is read by who stands for the owner, by the descriptor and by its path, and by nobody before', () => {
    const path = secret();
    using place = openFd(path, O_PATH);
    using plain = reopenFd(place.fd, O_RDONLY);
    expect(asStranger(plain, 'cat /dev/fd/3').err).toMatch(/Permission denied/);
    using copy = ownedCopy(place.fd, mapping, false);
    using file = reopenFd(copy.fd, O_RDONLY);
    copy.close();
    expect(asStranger(file, 'cat /dev/fd/3')).toMatchObject({code: 0, out: 'content'});
    expect(asStranger(file, 'echo x > /dev/fd/3').err).toMatch(/Read-only file system/);
    expect(statSync(path)).toMatchObject({uid: OWNER, gid: OWNER});
    expect(readlinkSync(`/proc/self/fd/${file.fd}`)).toBe('/');
    // That of a file through a copy for writing writes to the file.
    using writable = ownedCopy(place.fd, mapping, true);
    using open = reopenFd(writable.fd, O_RDWR);
    expect(asStranger(open, 'printf more > /dev/fd/3')).toMatchObject({code: 0});
    expect(readFileSync(path, 'utf8')).toBe('more');
  });

  test('of a directory: what is made in it belongs to the owner, what belongs to others stays theirs', () => {
    const inner = join(dir, 'inner');
    mkdirSync(inner);
    writeFileSync(join(inner, 'private'), 'x');
    chmodSync(join(inner, 'private'), 0o600);
    chownSync(inner, OWNER, OWNER);
    using place = openFd(inner, O_PATH);
    using copy = ownedCopy(place.fd, mapping, true);
    const script = 'cd /proc/self/fd/3 && echo y > made && ! cat private && ! rm -f private && ls -ln';
    const {code, out} = asStranger(copy, script);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(` ${STRANGER} +${STRANGER} .* made$`, 'm'));
    expect(statSync(join(inner, 'made'))).toMatchObject({uid: OWNER, gid: OWNER});
    // The way up ends at the copy's own root.
    expect(asStranger(copy, 'cd -P /proc/self/fd/3 && cd -P .. && ls').out).toMatch(/^made\nprivate\n$/);
  });

  test('gives nothing where the owner himself may not', () => {
    const path = secret(0o000);
    using place = openFd(path, O_PATH);
    expect(() => ownedCopy(place.fd, mapping, false)).toThrow(expect.objectContaining({mapped: true}));
    chmodSync(path, 0o400);
    expect(() => ownedCopy(place.fd, mapping, true)).toThrow(PrivateFileError);
    ownedCopy(place.fd, mapping, false).close();
    // Not the caller's file: no more than everybody has.
    const other = {...mapping, uid: OWNER + 1, gid: OWNER + 1};
    expect(() => ownedCopy(place.fd, other, false)).toThrow(PrivateFileError);
  });

  test("where owners can't be mapped the mode decides", () => {
    using proc = openFd('/proc/version', O_PATH);
    ownedCopy(proc.fd, {uid: 0, gid: 0, to: STRANGER}, false).close();
    using kcore = openFd('/proc/kmsg', O_PATH);
    expect(() => ownedCopy(kcore.fd, {uid: 0, gid: 0, to: STRANGER}, false)).toThrow(
      expect.objectContaining({mapped: false}),
    );
  });

  test('a node for a device is opened by its user as far as it says, until it is shut', () => {
    // Nobody is asked: the kernel has no driver for this number.
    const device = 0n;
    const ways = ['4<', '4<>'].map((way) => `exec ${way} /proc/self/fd/3`);
    const tried = inOwnMountNamespace(() => {
      mountAt('x', dir, 'tmpfs', 0, 'mode=755');
      using node = makeBlockNode(join(dir, 'device'), device, {uid: STRANGER, writable: false});
      const before = ways.map((way) => asStranger(node, way).err);
      chmodSync(`/proc/self/fd/${node.fd}`, 0);
      return {before, after: ways.map((way) => asStranger(node, way).err)};
    });
    expect(tried.before[0]).toMatch(/No such device/);
    expect(tried.before[1]).toMatch(/Permission denied/);
    for (const after of tried.after) expect(after).toMatch(/Permission denied/);
  });

  test('a mount namespace of its own shows nothing to others, and is left again', () => {
    const before = {
      mounts: readMounts().length,
      here: process.cwd(),
      ns: readlinkSync('/proc/thread-self/ns/mnt'),
    };
    const inside = inOwnMountNamespace(() => {
      mountAt('x', dir, 'tmpfs', 0);
      return {
        mine: readFileSync('/proc/thread-self/mountinfo', 'utf8').includes(dir),
        child: spawnSync('/bin/cat', ['/proc/self/mountinfo'], {encoding: 'utf8'}).stdout.includes(dir),
      };
    });
    expect(inside).toEqual({mine: true, child: true});
    expect(readMounts()).toHaveLength(before.mounts);
    expect({here: process.cwd(), ns: readlinkSync('/proc/thread-self/ns/mnt')}).toEqual({
      here: before.here,
      ns: before.ns,
    });
    expect(() =>
      inOwnMountNamespace(() => {
        throw new Error('x');
      }),
    ).toThrow('x');
    expect(readlinkSync('/proc/thread-self/ns/mnt')).toBe(before.ns);
  });

  test('the device of a mount is told without a look at its files', () => {
    using place = openFd(dir, O_PATH);
    const {dev} = statSync(dir);
    const {major, minor} = deviceOf(place.fd);
    expect(((major & 0xfff) << 8) | (minor & 0xff) | ((minor & ~0xff) << 12)).toBe(dev);
  });
});
