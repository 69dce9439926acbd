import assert from 'node:assert/strict';
import {chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {canWriteAs} from '../../../src/sys/credentials.js';
import {O_PATH, openFd} from '../../../src/sys/fd.js';
import {peerCredentials, peerGroups, seqpacketPair} from '../../../src/sys/socket.js';
import {scratchDirectory} from './scratch.js';

const isRoot = process.geteuid?.() === 0;
const UID = 12_345;
const GID = 23_456;

describe.skipIf(!isRoot)(`writing as somebody else${isRoot ? '' : ' (skipped: not root)'}`, () => {
  let directory: string;
  beforeEach(() => {
    directory = scratchDirectory();
  });
  afterEach(() => rmSync(directory, {recursive: true}));

  const rows: Array<
    [what: string, owner: [uid: number, gid: number], mode: number, groups: number[], may: boolean]
  > = [
    ['his own', [UID, 0], 0o700, [], true],
    ['his own without the right to write', [UID, 0], 0o500, [], false],
    ["root's, for its owner", [0, 0], 0o755, [], false],
    ["root's, for everybody", [0, 0], 0o777, [], true],
    ["his group's", [0, GID], 0o775, [], true],
    ['one of his groups', [0, 777], 0o775, [778, 777], true],
    ["another group's", [0, 777], 0o775, [778], false],
  ];
  test.each(rows)('a directory: %s', (_what, owner, mode, groups, may) => {
    const path = join(directory, 'place');
    mkdirSync(path);
    chownSync(path, ...owner);
    chmodSync(path, mode);
    using fd = openFd(path, O_PATH);
    assert.equal(canWriteAs(fd.fd, {uid: UID, gid: GID, groups}), may);
  });

  test('a file that root alone may write to', () => {
    const path = join(directory, 'file');
    writeFileSync(path, '', {mode: 0o644});
    using fd = openFd(path, O_PATH);
    assert.equal(canWriteAs(fd.fd, {uid: UID, gid: GID, groups: []}), false);
    assert.equal(canWriteAs(fd.fd, {uid: 0, gid: 0, groups: []}), true);
  });

  test('the thread has its own credentials back', () => {
    const ids = (): string =>
      readFileSync('/proc/thread-self/status', 'latin1').replace(/^(?!Uid|Gid|Groups|Cap).*\n/gm, '');
    const before = ids();
    using fd = openFd(directory, O_PATH);
    canWriteAs(fd.fd, {uid: UID, gid: GID, groups: [1, 2, 3]});
    expect(ids()).toBe(before);
  });
});

test('the groups of a peer are those that the kernel tells of it', () => {
  const [a, b] = seqpacketPair();
  try {
    const groups = /^Groups:[ \t]*(.*)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
    assert.deepEqual(peerGroups(a.fd), groups.split(' ').filter(Boolean).map(Number));
    assert.equal(peerCredentials(a.fd).uid, process.geteuid!());
  } finally {
    a.close();
    b.close();
  }
});
