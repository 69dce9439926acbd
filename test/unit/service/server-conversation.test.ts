import assert from 'node:assert/strict';
import {afterEach, beforeEach, describe, test} from 'vitest';
import {encodeArguments} from '../../../src/service/arguments.js';
import {ServerConversation} from '../../../src/service/server-conversation.js';
import {
  isCloseOnExec,
  O_RDONLY,
  type OwnedFd,
  openFd,
  sameFile,
  setCloseOnExec,
} from '../../../src/sys/fd.js';
import {createMemfd} from '../../../src/sys/memfd.js';
import {receivePacket, sendPacket, seqpacketPair, streamPair} from '../../../src/sys/socket.js';
import {bytes, hex} from './bytes.js';

describe('server conversation', () => {
  let peer: OwnedFd;
  let server: ServerConversation;

  beforeEach(() => {
    const [a, b] = seqpacketPair();
    peer = a;
    server = new ServerConversation(b, {timeoutMs: 200});
  });
  afterEach(() => {
    server.close();
    peer.close();
  });

  /** An answer is put into the socket before the question is asked: the server finds it there. */
  function prepare(dump: string, fds: number[] = []): void {
    sendPacket(peer.fd, bytes(dump), fds);
  }
  function heard(): string {
    const buffer = new Uint8Array(8192);
    const {length} = receivePacket(peer.fd, buffer, {timeoutMs: 200});
    return hex(buffer.subarray(0, length));
  }
  const is = (dump: string): string => hex(bytes(dump));

  test('answers a hello', () => {
    prepare("'SAFT' 0001 0001 00000002");
    assert.deepEqual(server.hello(), {minVersion: 1, maxVersion: 1, allowOther: false, fuseblk: true});
    assert.equal(heard(), is("'LAST' 0001 0000"));
  });

  const hellos: Array<[what: string, dump: string, code: string]> = [
    ['of another size', "'SAFT' 0001 0001", 'size'],
    ['with unknown flags', "'SAFT' 0001 0001 00000008", 'flags'],
    ['of a version to come', "'SAFT' 0002 0003 00000000", 'version'],
    ['with its versions swapped', "'SAFT' 0002 0001 00000000", 'version'],
    ['that is none', "'FILE' 00000000 '/' 00", 'magic'],
  ];
  for (const [what, dump, code] of hellos) {
    test(`refuses a hello ${what} without an answer`, () => {
      prepare(dump);
      assert.throws(() => server.hello(), {name: 'ProtocolError', code});
      assert.throws(heard, {code: 'ETIMEDOUT'});
    });
  }

  test('reads its arguments and takes the fuse device', () => {
    using argv = createMemfd('argv', encodeArguments(['ext4', '/img', '/mnt', '-o', 'ro']));
    using device = openFd('/dev/null', O_RDONLY);
    prepare("'FILE' 00000000 'argv' 00", [argv.fd]);
    prepare("'FILE' 00000000 'fusedev' 00", [device.fd]);
    assert.deepEqual(server.receiveArguments(), ['ext4', '/img', '/mnt', '-o', 'ro']);
    using taken = server.receiveFuseDevice();
    assert.ok(sameFile(taken.fd, device.fd));
    assert.ok(isCloseOnExec(taken.fd));
  });

  test('an argument file without end is not read', () => {
    using argv = createMemfd('argv', new Uint8Array(0), {size: 1 << 30});
    prepare("'FILE' 00000000 'argv' 00", [argv.fd]);
    assert.throws(() => server.receiveArguments(), {code: 'arguments'});
  });

  test('asks for a file and gets it', () => {
    using file = openFd('/dev/null', O_RDONLY);
    prepare("'FILE' 00000000 '/img' 00", [file.fd]);
    using got = server.openFile('/img', {
      flags: 0x8002,
      mode: 0o600,
      quiet: true,
      tryLoop: true,
      blockSize: 512,
    });
    assert.ok(sameFile(got.fd, file.fd));
    // Without the extension TRYLOOP (bit 1 of the third word) is left out.
    assert.equal(heard(), is("'OPEN' 00008002 00000180 00000001 00000200 '/img' 00"));
    prepare("'FILE' 0000000f '/b' 00");
    assert.throws(() => server.openBlockDevice('/b', {flags: 0, blockSize: 4096}), {
      code: 'ENOTBLK',
      object: '/b',
    });
    assert.equal(heard(), is("'BDEV' 00000000 00000000 00000000 00001000 '/b' 00"));
  });

  test('asks again while the file is busy, and no longer than told', () => {
    using file = openFd('/dev/null', O_RDONLY);
    prepare("'FILE' 00000010 '/img' 00");
    prepare("'FILE' 00000010 '/img' 00");
    prepare("'FILE' 00000000 '/img' 00", [file.fd]);
    server.openFile('/img', {flags: 0, retryBusyMs: 5000}).close();
    for (let i = 0; i < 3; i++) heard();
    prepare("'FILE' 00000010 '/img' 00");
    assert.throws(() => server.openFile('/img', {flags: 0}), {code: 'EBUSY'});
    prepare("'FILE' 0000000d '/img' 00");
    assert.throws(() => server.openFile('/img', {flags: 0, retryBusyMs: 5000}), {code: 'EACCES'});
  });

  const badFiles: Array<[what: string, dump: string, fds: number, code: string]> = [
    ['about another path', "'FILE' 00000000 '/other' 00", 1, 'path'],
    ['about a longer path', "'FILE' 00000000 '/imgs' 00", 1, 'path'],
    ['without its descriptor', "'FILE' 00000000 '/img' 00", 0, 'descriptor'],
    ['with an error and a descriptor', "'FILE' 00000002 '/img' 00", 1, 'descriptor'],
    ['with two descriptors', "'FILE' 00000000 '/img' 00", 2, 'descriptor'],
    ['of another kind', "'REPL' 00000000", 0, 'magic'],
    ['without NUL', "'FILE' 00000000 '/img'", 1, 'terminator'],
    ['longer than any', `'FILE' 00000000 ${'61'.repeat(4200)} 00`, 1, 'size'],
  ];
  for (const [what, dump, fds, code] of badFiles) {
    test(`refuses an answer ${what}, and keeps no descriptor`, () => {
      using file = createMemfd('marker');
      prepare(dump, Array(fds).fill(file.fd));
      assert.throws(() => server.openFile('/img', {flags: 0}), {name: 'ProtocolError', code});
      assert.equal(copiesOf(file), 1);
    });
  }

  function copiesOf(file: OwnedFd): number {
    let count = 0;
    for (let fd = 0; fd < 200; fd++) {
      try {
        if (sameFile(fd, file.fd)) count++;
      } catch {
        // not open
      }
    }
    return count;
  }

  test('the extension is on after its descriptor came, and off after any refusal', () => {
    // libfuse: ENOENT where it tries to open the name, EPERM where it only opens what the command line names.
    for (const errno of ['00000002', '00000001', '0000000d']) {
      prepare(`'FILE' ${errno} 'fuseward:control' 00`);
      assert.equal(server.probeExtension(), undefined);
      assert.equal(heard(), is("'OPEN' 00000000 00000000 00000001 00000000 'fuseward:control' 00"));
      assert.equal(server.extended, false);
    }
    // Without the extension there is no such file, and nobody is asked for it.
    assert.equal(server.openListener(), undefined);
    server.iomap('optional');
    assert.throws(() => server.iomap('mandatory'), {code: 'EOPNOTSUPP'});
    using file = openFd('/dev/null', O_RDONLY);
    prepare("'FILE' 00000000 'fuseward:control' 00", [file.fd]);
    const control = server.probeExtension();
    assert.ok(control);
    control.close();
    heard();
    assert.equal(server.extended, true);
    prepare("'FILE' 00000000 'fuseward:listen' 00", [file.fd]);
    server.openListener()?.close();
    assert.equal(heard(), is("'OPEN' 00000000 00000000 00000001 00000000 'fuseward:listen' 00"));
    prepare("'FILE' 0000000d 'fuseward:listen' 00");
    assert.equal(server.openListener(), undefined);
    heard();
    prepare("'FILE' 00000000 '/img' 00", [file.fd]);
    server.openFile('/img', {flags: 0, tryLoop: true}).close();
    assert.equal(heard(), is("'OPEN' 00000000 00000000 00000002 00000000 '/img' 00"));
    prepare("'REPL' 0000005f");
    assert.throws(() => server.iomap('mandatory'), {code: 'EOPNOTSUPP', call: 'IOMA'});
    assert.equal(heard(), is("'IOMA' 'P!' 0000"));
  });

  const commands: Array<[what: string, act: (server: ServerConversation) => void, dump: string]> = [
    ['TYPE', (it) => it.fsopen(true), "'TYPE' 00000001"],
    ['NAME', (it) => it.source('/img'), "'NAME' '/img' 00"],
    ['MNTP', (it) => it.mountPoint('/m', 'directory'), "'MNTP' 4000 0000 '/m' 00"],
    ['OPTS', (it) => it.options('a,b'), "'OPTS' 'a,b' 00"],
    ['MTAB', (it) => it.mtab('a'), "'MTAB' 'a' 00"],
    ['DOIT', (it) => it.mount(0x7), "'DOIT' 00000007"],
  ];
  for (const [call, act, dump] of commands) {
    test(`${call} is sent, and its refusal is an errno`, () => {
      prepare("'REPL' 00000000");
      act(server);
      assert.equal(heard(), is(dump));
      prepare("'REPL' 00000001");
      assert.throws(() => act(server), {name: 'Errno', code: 'EPERM', call});
      assert.equal(heard(), is(dump));
      prepare("'REPL' 00000000 00");
      assert.throws(() => act(server), {name: 'ProtocolError', code: 'size'});
    });
  }

  test('empty options are not sent', () => {
    server.options('');
    server.mtab('');
    assert.throws(heard, {code: 'ETIMEDOUT'});
  });

  test('no file can be asked for once that was ended', () => {
    server.endFileRequests();
    server.endFileRequests();
    assert.throws(() => server.openFile('/img', {flags: 0}), {code: 'order'});
  });

  test('a descriptor with a plain reply is refused', () => {
    using file = createMemfd('marker');
    prepare("'REPL' 00000000", [file.fd]);
    assert.throws(() => server.fsopen(false), {code: 'descriptor'});
    assert.equal(copiesOf(file), 1);
  });

  test('silence is an error after a while, and so is a closed socket', () => {
    assert.throws(() => server.fsopen(false), {name: 'ProtocolError', code: 'deadline'});
    peer.close();
    assert.throws(() => server.fsopen(false), {name: 'ProtocolError', code: 'closed'});
    server.goodbye(1);
  });

  test('says goodbye and closes', () => {
    server.goodbye(3);
    assert.equal(heard(), is("'BYEE' 00000003"));
    assert.equal(receivePacket(peer.fd, new Uint8Array(8), {timeoutMs: 200}).length, 0);
  });

  test('takes no descriptor that is not its kind of socket', () => {
    using file = openFd('/dev/null', O_RDONLY);
    assert.throws(() => ServerConversation.accept(file.fd), {code: 'descriptor', errno: 88});
    assert.throws(() => ServerConversation.accept(1_000_000), {code: 'descriptor', errno: 9});
    const streams = streamPair();
    assert.throws(() => ServerConversation.accept(streams[0].fd), {code: 'descriptor', errno: 97});
    const [good, end] = seqpacketPair();
    setCloseOnExec(good.fd, false);
    const accepted = ServerConversation.accept(good.fd);
    assert.ok(isCloseOnExec(good.fd));
    accepted.close();
    good.release();
    for (const fd of [...streams, end]) fd.close();
  });
});
