import assert from 'node:assert/strict';
import {mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, test} from 'vitest';
import {DEFAULT_MOUNT_POLICY, type MountPolicy} from '../../../src/helper/mount-policy.js';
import {ServedSource} from '../../../src/helper/served-source.js';
import {type OpenedSource, openSource, waitUntilFree} from '../../../src/helper/source.js';
import type {OpenRequest} from '../../../src/service/file.js';
import {silent} from '../../../src/service/log.js';
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  openFd,
  openFlags,
  sameFile,
  tryFlock,
} from '../../../src/sys/fd.js';

const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;

describe('the source as the server gets it', () => {
  let dir: string;
  let image: string;
  let source: OpenedSource;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'fuseward-source-'));
    image = join(dir, 'img');
    writeFileSync(image, 'content');
    source = openSource(image);
  });
  afterEach(() => {
    source.fd.close();
    rmSync(dir, {recursive: true});
  });

  function serve(opts: {readOnly?: boolean; policy?: Partial<MountPolicy>} = {}): ServedSource {
    const policy = {...DEFAULT_MOUNT_POLICY, loop: 'never' as const, ...opts.policy};
    return new ServedSource(
      source,
      {policy, readOnly: opts.readOnly ?? false, iomapApproved: false},
      {log: silent},
    );
  }
  function wish(openFlagsWanted: number, more: Partial<OpenRequest> = {}): OpenRequest {
    return {
      path: image,
      openFlags: openFlagsWanted,
      createMode: 0,
      quiet: false,
      tryLoop: false,
      blockSize: 0,
      ...more,
    };
  }

  test('tells whether the server can write to it', () => {
    for (const [flags, writable] of [
      [O_RDONLY, false],
      [O_RDWR, true],
    ] as const) {
      const served = serve();
      assert.equal(served.isWritable, false);
      served.openFile(wish(flags)).close();
      assert.equal(served.isWritable, writable);
      served.close();
    }
  });

  test('is the file that was looked up, even when the name means another by now', () => {
    const served = serve();
    const original = openFd(image, O_PATH);
    unlinkSync(image);
    symlinkSync('/etc/hostname', image);
    const fd = served.openFile(wish(O_RDWR));
    assert.ok(sameFile(fd.fd, original.fd));
    for (const one of [fd, original]) one.close();
    served.close();
  });

  test('is opened with the access that was asked for', () => {
    for (const flags of [O_RDONLY, O_RDWR]) {
      const served = serve();
      const fd = served.openFile(wish(flags | O_EXCL));
      assert.equal(openFlags(fd.fd) & 3, flags);
      fd.close();
      served.close();
    }
  });

  const refused: Array<[what: string, flags: number, code: string]> = [
    ['O_CREAT', O_RDWR | O_CREAT, 'EINVAL'],
    ['O_TRUNC', O_RDWR | O_TRUNC, 'EINVAL'],
    ['O_APPEND', O_RDWR | O_APPEND, 'EINVAL'],
    ['O_PATH', O_PATH, 'EINVAL'],
    ['O_DIRECTORY', O_DIRECTORY, 'EINVAL'],
    ['an access mode of 3', 3, 'EINVAL'],
    ['the highest bit', 0x80000000, 'EINVAL'],
  ];
  for (const [what, flags, code] of refused) {
    test(`is not opened with ${what}`, () => {
      const served = serve();
      assert.throws(() => served.openFile(wish(flags)), {code});
      served.close();
    });
  }

  test('is not opened for writing when the mount is read-only', () => {
    const served = serve({readOnly: true});
    assert.throws(() => served.openFile(wish(O_RDWR)), {code: 'EROFS'});
    served.openFile(wish(O_RDONLY)).close();
    served.close();
  });

  test('is locked as long as anybody has the descriptor, then free', async () => {
    const served = serve();
    const fd = served.openFile(wish(O_RDONLY));
    served.close();
    const probe = openFd(image, O_RDONLY);
    assert.equal(tryFlock(probe.fd), false);
    await assert.rejects(waitUntilFree(source), {code: 'source-busy', errno: 16});
    assert.throws(() => serve().openFile(wish(O_RDONLY)), {code: 'EBUSY'});
    fd.close();
    await waitUntilFree(source);
    assert.equal(tryFlock(probe.fd), true);
    probe.close();
  });

  test('is the same opening a second time, and busy in another mode', () => {
    const served = serve();
    const first = served.openFile(wish(O_RDONLY));
    const second = served.openFile(wish(O_RDONLY, {blockSize: 1024}));
    assert.ok(sameFile(first.fd, second.fd));
    assert.throws(() => served.openFile(wish(O_RDWR)), {code: 'EBUSY'});
    for (const fd of [first, second]) fd.close();
    served.close();
  });

  test('is no block device', () => {
    const served = serve();
    assert.throws(() => served.openBlockDevice(wish(O_RDONLY)), {code: 'ENOTBLK'});
    served.close();
  });

  test('comes as a plain file where a loop device would hide its last bytes', () => {
    const served = serve({policy: {loop: 'always'}});
    const fd = served.openFile(wish(O_RDONLY, {tryLoop: true}));
    assert.equal(served.loopDevice, undefined);
    assert.ok(sameFile(fd.fd, source.fd.fd));
    fd.close();
    served.close();
  });

  test('waits for iomap before it makes a loop device, where policy says auto', () => {
    writeFileSync(image, Buffer.alloc(4096));
    const served = serve({policy: {loop: 'auto'}});
    served.openFile(wish(O_RDONLY, {tryLoop: true})).close();
    assert.equal(served.loopDevice, undefined);
    served.close();
  });
});
