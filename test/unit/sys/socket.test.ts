import assert from 'node:assert/strict';
import {readdirSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, test} from 'vitest';
import {isCloseOnExec, O_RDONLY, type OwnedFd, openFd, statFd} from '../../../src/sys/fd.js';
import {
  acceptConnection,
  connectSeqpacket,
  isUnixSocket,
  listenSeqpacket,
  peerCredentials,
  readStream,
  receivePacket,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  sendBufferSize,
  sendPacket,
  seqpacketPair,
  setPassCredentials,
  setPassRights,
  setSendBufferSize,
  socketType,
  streamPair,
  waitAny,
  waitReadable,
  writeStream,
} from '../../../src/sys/socket.js';
import {openDescriptors, scratchDirectory} from './scratch.js';

let directory: string;
let opened: OwnedFd[];
let before: string[];

beforeEach(() => {
  directory = scratchDirectory();
  before = openDescriptors();
  opened = [];
});

afterEach(() => {
  for (const fd of opened) fd.close();
  rmSync(directory, {recursive: true});
  assert.deepEqual(openDescriptors(), before, 'descriptors left open');
});

function pair(): [OwnedFd, OwnedFd] {
  const ends = seqpacketPair();
  opened.push(...ends);
  return ends;
}

function keep<T extends OwnedFd>(fd: T): T {
  opened.push(fd);
  return fd;
}

const text = (bytes: Uint8Array, length: number): string =>
  new TextDecoder().decode(bytes.subarray(0, length));
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

test('packets keep their borders and order', () => {
  const [a, b] = pair();
  for (const word of ['one', 'two', 'three']) sendPacket(a.fd, bytes(word));
  const buffer = new Uint8Array(64);
  for (const word of ['one', 'two', 'three']) {
    const packet = receivePacket(b.fd, buffer);
    assert.equal(text(buffer, packet.length), word);
    assert.deepEqual([packet.fds, packet.truncated, packet.controlTruncated], [[], false, false]);
  }
});

test('a passed descriptor is the same file, close-on-exec, and another number', () => {
  const [a, b] = pair();
  const file = keep(openFd('/proc/self/exe', O_RDONLY));
  sendPacket(a.fd, bytes('x'), [file.fd]);
  const packet = receivePacket(b.fd, new Uint8Array(8), {maxFds: 1});
  assert.equal(packet.fds.length, 1);
  const passed = keep(packet.fds[0] as OwnedFd);
  assert.notEqual(passed.fd, file.fd);
  assert.ok(isCloseOnExec(passed.fd));
  const {dev, ino} = statSync('/proc/self/exe', {bigint: true});
  assert.deepEqual([statFd(passed.fd).dev, statFd(passed.fd).ino], [dev, ino]);
  assert.equal(packet.controlTruncated, false);
});

for (const [sent, room] of [
  [1, 0],
  [2, 0],
  [2, 1],
  [3, 1],
  [16, 1],
  [3, 2],
] as const) {
  test(`${sent} descriptors where ${room} may come: cut, reported, none leaked`, () => {
    const [a, b] = pair();
    const count = openDescriptors().length;
    sendPacket(a.fd, bytes('x'), Array(sent).fill(a.fd));
    const packet = receivePacket(b.fd, new Uint8Array(8), {maxFds: room});
    assert.equal(packet.controlTruncated, true);
    assert.equal(packet.fds.length, room);
    assert.equal(openDescriptors().length, count + room);
    for (const fd of packet.fds) fd.close();
    assert.equal(openDescriptors().length, count);
  });
}

test('up to sixteen descriptors travel, more are refused before anything is sent', () => {
  const [a, b] = pair();
  assert.throws(() => sendPacket(a.fd, bytes('x'), Array(17).fill(a.fd)), {code: 'ETOOMANYREFS'});
  sendPacket(a.fd, bytes('y'), Array(16).fill(a.fd));
  const packet = receivePacket(b.fd, new Uint8Array(8), {maxFds: 16});
  opened.push(...packet.fds);
  assert.deepEqual([packet.fds.length, packet.controlTruncated], [16, false]);
  assert.throws(() => receivePacket(b.fd, new Uint8Array(8), {maxFds: 17}), {code: 'EINVAL'});
});

test('a packet larger than the buffer is cut, and the next one is whole', () => {
  const [a, b] = pair();
  sendPacket(a.fd, bytes('too long'));
  sendPacket(a.fd, bytes('fits'));
  const buffer = new Uint8Array(4);
  const cut = receivePacket(b.fd, buffer);
  assert.deepEqual([cut.length, cut.truncated, text(buffer, 4)], [4, true, 'too ']);
  const whole = receivePacket(b.fd, buffer);
  assert.deepEqual([whole.length, whole.truncated, text(buffer, 4)], [4, false, 'fits']);
});

test('only the given part of a larger array is sent and filled', () => {
  const [a, b] = pair();
  sendPacket(a.fd, bytes('abcdef').subarray(2, 5));
  const area = new Uint8Array(10).fill(0x2e);
  receivePacket(b.fd, area.subarray(4, 8));
  assert.equal(text(area, 10), '....cde...');
});

test('a closed peer reads as length 0 and writes as EPIPE', () => {
  const [a, b] = pair();
  a.close();
  assert.equal(receivePacket(b.fd, new Uint8Array(8)).length, 0);
  assert.equal(receivePacket(b.fd, new Uint8Array(8), {timeoutMs: 1000}).length, 0);
  assert.throws(() => sendPacket(b.fd, bytes('x')), {code: 'EPIPE', call: 'sendmsg'});
});

test('nothing to receive in time is ETIMEDOUT', () => {
  const [, b] = pair();
  for (const timeoutMs of [0, 20]) {
    assert.throws(() => receivePacket(b.fd, new Uint8Array(8), {timeoutMs}), {
      code: 'ETIMEDOUT',
      object: `fd ${b.fd}`,
    });
  }
});

test('a peer that does not read does not hold a sender with a limit', () => {
  const [a, b] = pair();
  const flood = () => {
    for (let i = 0; i < 100_000; i++) sendPacket(a.fd, new Uint8Array(1000), [], {timeoutMs: 10});
  };
  assert.throws(flood, {code: 'ETIMEDOUT', call: 'sendmsg'});
  // What had been sent is whole, and with room again the next one goes.
  const packet = receivePacket(b.fd, new Uint8Array(2000));
  assert.equal(packet.length, 1000);
  while (waitReadable(b.fd, 0)) receivePacket(b.fd, new Uint8Array(2000));
  sendPacket(a.fd, bytes('on'), [a.fd], {timeoutMs: 1000});
  const next = receivePacket(b.fd, new Uint8Array(2000), {maxFds: 1, timeoutMs: 1000});
  assert.deepEqual([next.length, next.fds.length], [2, 1]);
  opened.push(...next.fds);
});

test('a listener that accepts nobody does not hold a client with a limit', () => {
  const path = join(directory, 'socket');
  keep(listenSeqpacket(path, 0o600));
  const knock = () => {
    for (let i = 0; i < 1000; i++) keep(connectSeqpacket(path, {timeoutMs: 10}));
  };
  assert.throws(knock, {code: 'ETIMEDOUT', call: 'connect', object: path});
});

test('a packet beyond the send buffer is EMSGSIZE', () => {
  const [a] = pair();
  assert.throws(() => sendPacket(a.fd, new Uint8Array(sendBufferSize(a.fd) + 1)), {code: 'EMSGSIZE'});
});

test('a file is no socket', () => {
  const file = keep(openFd('/dev/null', O_RDONLY));
  assert.throws(() => sendPacket(file.fd, bytes('x')), {code: 'ENOTSOCK'});
  assert.throws(() => receivePacket(file.fd, new Uint8Array(8)), {code: 'ENOTSOCK'});
  assert.throws(() => socketType(file.fd), {code: 'ENOTSOCK'});
  assert.equal(isUnixSocket(file.fd), false);
});

test('sockets tell their kind', () => {
  const [a] = pair();
  const [s, t] = streamPair();
  opened.push(s, t);
  assert.deepEqual([socketType(a.fd), socketType(s.fd)], [SOCK_SEQPACKET, SOCK_STREAM]);
  assert.deepEqual([isUnixSocket(a.fd), isUnixSocket(s.fd)], [true, true]);
  const number = a.fd;
  a.close();
  assert.equal(isUnixSocket(number), false);
});

test('the peer is known by pid, uid and gid', () => {
  const [a] = pair();
  assert.deepEqual(peerCredentials(a.fd), {
    pid: process.pid,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
  });
});

test('the send buffer grows to what is asked', () => {
  const [a] = pair();
  const wanted = sendBufferSize(a.fd) * 4;
  const size = setSendBufferSize(a.fd, wanted);
  assert.equal(size, sendBufferSize(a.fd));
  if (process.getuid?.() === 0) assert.ok(size >= wanted);
});

const [probe, other] = seqpacketPair();
const passRights = setPassRights(probe.fd, true);
probe.close();
other.close();
test.skipIf(!passRights)(
  'without SO_PASSRIGHTS no descriptor arrives (skipped on kernels before 6.16)',
  () => {
    const [a, b] = pair();
    assert.equal(setPassRights(b.fd, false), true);
    // The kernel refuses at the sender.
    assert.throws(() => sendPacket(a.fd, bytes('x'), [a.fd]), {code: 'EPERM'});
    sendPacket(a.fd, bytes('y'));
    const packet = receivePacket(b.fd, new Uint8Array(8), {maxFds: 1});
    assert.deepEqual([packet.length, packet.fds], [1, []]);
  },
);

test('listen, connect, accept', () => {
  const path = join(directory, 'socket');
  const listener = keep(listenSeqpacket(path, 0o220));
  assert.equal(statSync(path).mode & 0o7777, 0o220);
  const client = keep(connectSeqpacket(path));
  const server = keep(acceptConnection(listener.fd));
  assert.ok(isCloseOnExec(client.fd) && isCloseOnExec(server.fd));
  sendPacket(client.fd, bytes('hello'));
  const buffer = new Uint8Array(16);
  assert.equal(text(buffer, receivePacket(server.fd, buffer).length), 'hello');
  assert.throws(() => listenSeqpacket(path, 0o600), {code: 'EADDRINUSE', object: path});
  listener.close();
  assert.throws(() => connectSeqpacket(path), {code: 'ECONNREFUSED', object: path});
});

test('the mode of a socket does not depend on the umask', () => {
  const mask = process.umask(0o777);
  try {
    keep(listenSeqpacket(join(directory, 'socket'), 0o666));
  } finally {
    process.umask(mask);
  }
  assert.equal(statSync(join(directory, 'socket')).mode & 0o7777, 0o666);
});

const addresses: Array<[what: string, path: () => string, code: string]> = [
  ['a path that is not there', () => join(directory, 'none'), 'ENOENT'],
  ['an empty path', () => '', 'EINVAL'],
  ['an abstract name', () => '\0abstract', 'EINVAL'],
  ['a path with a NUL inside', () => `${directory}/a\0b`, 'EINVAL'],
  ['108 bytes, one too many with the NUL', () => `/${'p'.repeat(107)}`, 'ENAMETOOLONG'],
  ['54 characters of two bytes', () => 'ö'.repeat(54), 'ENAMETOOLONG'],
  ['107 bytes, which fit', () => `/${'p'.repeat(106)}`, 'ENOENT'],
];
for (const [what, path, code] of addresses) {
  test(`connecting to ${what} is ${code}`, () => {
    assert.throws(() => connectSeqpacket(path()), {code, call: 'connect'});
  });
}

test('waiting tells which descriptors are ready', () => {
  const [a, b] = pair();
  const [c, d] = pair();
  assert.equal(waitReadable(b.fd, 0), false);
  assert.deepEqual(waitAny([b.fd, d.fd], 10), []);
  sendPacket(c.fd, bytes('x'));
  assert.deepEqual(waitAny([b.fd, d.fd]), [d.fd]);
  a.close();
  assert.deepEqual(waitAny([b.fd, d.fd], 1000), [b.fd, d.fd]);
  assert.equal(waitReadable(b.fd), true);
  assert.throws(() => waitReadable(9999, 0), {code: 'EBADF'});
  assert.throws(() => waitReadable(-1, 0), {code: 'EBADF'});
});

test('a stream carries all bytes, and says when it ends or hangs', () => {
  const [a, b] = streamPair();
  opened.push(a, b);
  const buffer = new Uint8Array(8);
  writeStream(a.fd, bytes('stream'));
  assert.equal(text(buffer, readStream(b.fd, buffer, 1000)), 'stream');
  assert.throws(() => readStream(b.fd, buffer, 10), {code: 'ETIMEDOUT'});
  // Nobody reads: the buffer fills up.
  assert.throws(() => writeStream(a.fd, new Uint8Array(8 << 20), 20), {code: 'ETIMEDOUT', call: 'send'});
  a.close();
  while (readStream(b.fd, new Uint8Array(1 << 20), 1000) > 0);
  assert.throws(() => writeStream(b.fd, buffer, 1000), {code: 'EPIPE'});
});

test('descriptors stay within the process that owns them', () => {
  const count = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 50; i++) {
    const [a, b] = seqpacketPair();
    sendPacket(a.fd, bytes('x'), [a.fd]);
    for (const fd of receivePacket(b.fd, new Uint8Array(1), {maxFds: 1}).fds) fd.close();
    a.close();
    b.close();
  }
  assert.equal(readdirSync('/proc/self/fd').length, count);
});

test('the kernel tells who sent a packet, from the moment it is asked to', () => {
  const [ours, theirs] = pair();
  const buffer = new Uint8Array(16);
  sendPacket(theirs.fd, bytes('early'));
  setPassCredentials(ours.fd, true);
  sendPacket(theirs.fd, bytes('late'));
  assert.equal(receivePacket(ours.fd, buffer, {credentials: true}).credentials?.pid, 0);
  const {credentials, controlTruncated} = receivePacket(ours.fd, buffer, {credentials: true});
  const {getuid, getgid} = process;
  assert.deepEqual(credentials, {pid: process.pid, uid: getuid!(), gid: getgid!()});
  assert.equal(controlTruncated, false);
});

test('credentials leave no room for a descriptor that is not wanted, and go with those that are', () => {
  const [ours, theirs] = pair();
  const buffer = new Uint8Array(16);
  setPassCredentials(ours.fd, true);
  sendPacket(theirs.fd, bytes('x'), [theirs.fd]);
  const refused = receivePacket(ours.fd, buffer, {credentials: true});
  assert.deepEqual([refused.fds, refused.controlTruncated], [[], true]);
  assert.equal(refused.credentials?.pid, process.pid);
  sendPacket(theirs.fd, bytes('x'), [theirs.fd]);
  const taken = receivePacket(ours.fd, buffer, {credentials: true, maxFds: 1});
  for (const fd of taken.fds) keep(fd);
  assert.deepEqual([taken.fds.length, taken.controlTruncated], [1, false]);
  assert.equal(taken.credentials?.pid, process.pid);
});
