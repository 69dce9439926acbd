import assert from 'node:assert/strict';
import {afterEach, beforeEach, describe, test} from 'vitest';
import {Deadline} from '../../../src/service/deadline.js';
import {type HelperActions, HelperConversation, sayHello} from '../../../src/service/helper-conversation.js';
import {silent} from '../../../src/service/log.js';
import {Errno} from '../../../src/sys/errno.js';
import {ERRNO, type ErrnoCode} from '../../../src/sys/errno-codes.js';
import {O_RDONLY, type OwnedFd, openFd, sameFile, statFd} from '../../../src/sys/fd.js';
import {createMemfd} from '../../../src/sys/memfd.js';
import {receivePacket, sendPacket, seqpacketPair} from '../../../src/sys/socket.js';
import {bytes, hex} from './bytes.js';

/** Notes what it is asked and does what it is told. */
class Recorder implements HelperActions {
  readonly calls: unknown[][] = [];
  refuse: ErrnoCode | undefined;

  #note(...call: unknown[]): void {
    this.calls.push(call);
    if (this.refuse !== undefined) throw new Errno(this.refuse, 'test');
  }
  #file(...call: unknown[]): OwnedFd {
    this.#note(...call);
    return openFd('/proc/self/status', O_RDONLY);
  }
  openFile = (request: unknown): OwnedFd => this.#file('open', request);
  openBlockDevice = (request: unknown): OwnedFd => this.#file('bdev', request);
  openControl = (): OwnedFd => this.#file('control');
  openListener = (): OwnedFd => this.#file('listen');
  openQueues = (): OwnedFd => this.#file('queues');
  openGiven = (name: string): OwnedFd => this.#file('given', name);
  setIomap = (mode: string): void => this.#note('iomap', mode);
  setType = (fuseblk: boolean): void => this.#note('type', fuseblk);
  setSource = (name: string): void => this.#note('source', name);
  setMountPoint = (path: string, expected: string): void => this.#note('mount point', path, expected);
  setOptions = (text: string): void => this.#note('options', text);
  setMtab = (text: string): void => this.#note('mtab', text);
  mount = (flags: number): void => this.#note('mount', flags);
}

const OPEN = "'OPEN' 00000000 00000000 00000000 00000000";
const CONTROL = "'OPEN' 00000000 00000000 00000001 00000000 'fuseward:control' 00";
const OK = "'REPL' 00000000";
const EINVAL = "'REPL' 00000016";

describe('helper conversation', () => {
  let peer: OwnedFd;
  let ours: OwnedFd;
  let actions: Recorder;
  let conversation: HelperConversation;

  function converse(deadlineMs = 5000): void {
    [ours, peer] = seqpacketPair();
    actions = new Recorder();
    conversation = new HelperConversation(
      {socket: ours, deadline: new Deadline(deadlineMs)},
      {actions, log: silent},
    );
  }
  beforeEach(() => converse());
  afterEach(() => {
    ours.close();
    peer.close();
  });

  /** All answers that are there, as hex; descriptors are counted behind a plus sign. */
  function answers(): string[] {
    const found: string[] = [];
    for (;;) {
      const buffer = new Uint8Array(8192);
      try {
        const packet = receivePacket(peer.fd, buffer, {maxFds: 2, timeoutMs: 0});
        for (const fd of packet.fds) fd.close();
        found.push(hex(buffer.subarray(0, packet.length)) + '+'.repeat(packet.fds.length));
      } catch {
        return found;
      }
    }
  }

  /** Sends a command and gives what came back. */
  function say(dump: string): string[] {
    sendPacket(peer.fd, bytes(dump));
    assert.equal(conversation.step(), undefined);
    return answers();
  }
  const exactly = (dump: string, plus = ''): string[] => [hex(bytes(dump)) + plus];

  test('greets with versions and flags, then sends the two files', async () => {
    using argv = createMemfd('argv');
    using fuseDevice = openFd('/dev/null', O_RDONLY);
    sendPacket(peer.fd, bytes("'LAST' 0001 0000"));
    assert.equal(conversation.serverPid, undefined);
    await conversation.greet({allowOther: true, fuseblk: false, argv, fuseDevice});
    assert.equal(conversation.serverPid, process.pid, 'who answered is known from the kernel');
    const buffer = new Uint8Array(64);
    const first = receivePacket(peer.fd, buffer, {maxFds: 1, timeoutMs: 100});
    assert.equal(hex(buffer.subarray(0, first.length)), hex(bytes("'SAFT' 0001 0001 00000001")));
    for (const [name, fd] of [
      ['argv', argv],
      ['fusedev', fuseDevice],
    ] as const) {
      const packet = receivePacket(peer.fd, buffer, {maxFds: 1, timeoutMs: 100});
      assert.equal(hex(buffer.subarray(0, packet.length)), hex(bytes(`'FILE' 00000000 '${name}' 00`)));
      const [passed] = packet.fds;
      assert.ok(passed && sameFile(passed.fd, fd.fd), name);
      passed.close();
    }
  });

  test('a server that was told hello before the conversation is not told again', async () => {
    converse();
    sayHello(ours, {allowOther: true, fuseblk: false});
    const buffer = new Uint8Array(64);
    const first = receivePacket(peer.fd, buffer, {maxFds: 0, timeoutMs: 100});
    assert.equal(hex(buffer.subarray(0, first.length)), hex(bytes("'SAFT' 0001 0001 00000001")));
    sendPacket(peer.fd, bytes("'LAST' 0001 0000"));
    using file = openFd('/dev/null', O_RDONLY);
    const welcome = {allowOther: true, fuseblk: false, greeted: true};
    await conversation.greet({...welcome, argv: file, fuseDevice: file});
    assert.equal(conversation.serverPid, process.pid, 'who answered is known all the same');
    assert.deepEqual(
      answers(),
      ['argv', 'fusedev'].map((name) => `${hex(bytes(`'FILE' 00000000 '${name}' 00`))}+`),
    );
  });

  test('to a server that is gone there is nobody to say it', () => {
    peer.close();
    assert.throws(() => sayHello(ours, {allowOther: true, fuseblk: false}), {code: 'EPIPE'});
  });

  const badReplies: Array<[what: string, dump: string, code: string]> = [
    ['another version', "'LAST' 0002 0000", 'version'],
    ['padding', "'LAST' 0001 0100", 'padding'],
    ['a wrong size', "'LAST' 0001", 'size'],
    ['another packet', "'BYEE' 00000000", 'magic'],
  ];
  for (const [what, dump, code] of badReplies) {
    test(`a hello reply with ${what} ends it`, async () => {
      using fd = openFd('/dev/null', O_RDONLY);
      sendPacket(peer.fd, bytes(dump));
      await assert.rejects(
        conversation.greet({allowOther: false, fuseblk: false, argv: fd, fuseDevice: fd}),
        {
          name: 'ProtocolError',
          code,
        },
      );
    });
  }

  test('a whole conversation: each command acts once and has one answer', async () => {
    assert.deepEqual(say(`${OPEN} '/img' 00`), exactly("'FILE' 00000000 '/img' 00", '+'));
    assert.deepEqual(
      say("'BDEV' 00000002 00000000 00000000 00000200 '/b' 00"),
      exactly("'FILE' 00000000 '/b' 00", '+'),
    );
    assert.deepEqual(say("'TYPE' 00000000"), exactly(OK));
    assert.deepEqual(say("'NAME' '/img' 00"), exactly(OK));
    assert.deepEqual(say("'MNTP' 4000 0000 '/mnt' 00"), exactly(OK));
    assert.deepEqual(say("'OPTS' 'max_read=1' 00"), exactly(OK));
    assert.deepEqual(say("'MTAB' 'x' 00"), exactly(OK));
    assert.deepEqual(say("'DOIT' 00000001"), exactly(OK));
    sendPacket(peer.fd, bytes("'BYEE' 00000000"));
    assert.deepEqual(await conversation.run(), {ended: 'goodbye', exitCode: 0});
    assert.deepEqual(answers(), []);
    const request = {openFlags: 0, createMode: 0, quiet: false, tryLoop: false, blockSize: 0, path: '/img'};
    assert.deepEqual(actions.calls, [
      ['open', request],
      ['bdev', {...request, openFlags: 2, blockSize: 512, path: '/b'}],
      ['type', false],
      ['source', '/img'],
      ['mount point', '/mnt', 'directory'],
      ['options', 'max_read=1'],
      ['mtab', 'x'],
      ['mount', 1],
    ]);
  });

  test('the descriptor that is sent is the one that was opened', () => {
    using file = openFd('/proc/self/maps', O_RDONLY);
    actions.openFile = () => file.dup();
    sendPacket(peer.fd, bytes(`${OPEN} '/img' 00`));
    conversation.step();
    const packet = receivePacket(peer.fd, new Uint8Array(64), {maxFds: 1, timeoutMs: 100});
    const [passed] = packet.fds;
    assert.ok(passed);
    assert.deepEqual(
      [statFd(passed.fd).dev, statFd(passed.fd).ino],
      [statFd(file.fd).dev, statFd(file.fd).ino],
    );
    passed.close();
  });

  const unreadable = "'FILE' 00000016 '?' 00";
  const malformed: Array<[what: string, dump: string, answer: string]> = [
    ['OPEN: the header alone', OPEN, unreadable],
    ['OPEN: half a header', "'OPEN' 0000", unreadable],
    ['OPEN: an empty path', `${OPEN} 00`, unreadable],
    ['OPEN: no NUL', `${OPEN} '/img'`, unreadable],
    ['OPEN: a NUL within', `${OPEN} '/img' 00 '/x' 00`, unreadable],
    ['OPEN: not UTF-8', `${OPEN} ff 00`, unreadable],
    ['OPEN: a path beyond PATH_MAX', `${OPEN} ${'61'.repeat(4096)} 00`, unreadable],
    [
      'OPEN: a flag nobody defined',
      "'OPEN' 00000000 00000000 00000004 00000000 '/i' 00",
      "'FILE' 00000016 '/i' 00",
    ],
    [
      'OPEN: TRYLOOP without the extension',
      "'OPEN' 00000000 00000000 00000002 00000000 '/i' 00",
      "'FILE' 00000016 '/i' 00",
    ],
    ['BDEV: no NUL', "'BDEV' 00000000 00000000 00000000 00000000 '/b'", unreadable],
    ['BDEV: TRYLOOP', "'BDEV' 00000000 00000000 00000002 00000000 '/b' 00", "'FILE' 00000016 '/b' 00"],
    ['TYPE: short', "'TYPE' 000000", EINVAL],
    ['TYPE: long', "'TYPE' 00000000 00", EINVAL],
    ['TYPE: a flag nobody defined', "'TYPE' 00000002", EINVAL],
    ['NAME: empty', "'NAME' 00", EINVAL],
    ['NAME: the magic alone', "'NAME'", EINVAL],
    ['NAME: no NUL', "'NAME' 'a'", EINVAL],
    ['OPTS: no NUL', "'OPTS' 'a,b'", EINVAL],
    ['OPTS: a NUL within', "'OPTS' 'a' 00 'b' 00", EINVAL],
    ['MTAB: no NUL', "'MTAB' 'a'", EINVAL],
    ['MNTP: padding', "'MNTP' 4000 0001 '/m' 00", EINVAL],
    ['MNTP: another format', "'MNTP' 2000 0000 '/m' 00", EINVAL],
    ['MNTP: no NUL', "'MNTP' 4000 0000 '/m'", EINVAL],
    ['MNTP: short', "'MNTP' 40", EINVAL],
    ['DOIT: short', "'DOIT' 00", EINVAL],
    ['DOIT: long', "'DOIT' 00000000 00000000", EINVAL],
    ['DOIT: before NAME and MNTP', "'DOIT' 00000000", EINVAL],
    ['BYEE: short', "'BYEE'", EINVAL],
    ['BYEE: long', "'BYEE' 00000000 00", EINVAL],
  ];
  for (const [what, dump, answer] of malformed) {
    test(`${what} gets its answer and nothing is done`, () => {
      assert.deepEqual(say(dump), exactly(answer));
      assert.deepEqual(actions.calls, []);
      assert.deepEqual(say("'TYPE' 00000000"), exactly(OK), 'the conversation goes on');
    });
  }

  const once = [
    "'TYPE' 00000000",
    "'NAME' 'a' 00",
    "'MNTP' 0000 0000 'm' 00",
    "'OPTS' 'a' 00",
    "'MTAB' 'a' 00",
  ];
  for (const dump of once) {
    test(`${dump.slice(1, 5)} may be taken once`, () => {
      actions.refuse = 'EPERM';
      assert.deepEqual(say(dump), exactly("'REPL' 00000001"));
      actions.refuse = undefined;
      assert.deepEqual(say(dump), exactly(OK), 'what was refused may be tried again');
      assert.deepEqual(say(dump), exactly(EINVAL));
      assert.equal(actions.calls.length, 2);
    });
  }

  test('DOIT may work once', () => {
    say("'NAME' 'a' 00");
    assert.deepEqual(say("'DOIT' 00000000"), exactly(EINVAL), 'MNTP is missing');
    say("'MNTP' 0000 0000 'm' 00");
    actions.refuse = 'ENODEV';
    assert.deepEqual(say("'DOIT' 00000000"), exactly("'REPL' 00000013"));
    actions.refuse = undefined;
    assert.deepEqual(say("'DOIT' 00000000"), exactly(OK));
    assert.deepEqual(say("'DOIT' 00000000"), exactly(EINVAL));
  });

  const errors: ErrnoCode[] = ['EBUSY', 'EACCES', 'ENOTBLK', 'ENOENT'];
  for (const code of errors) {
    test(`${code} of an action goes to the server`, () => {
      actions.refuse = code;
      const number = ERRNO[code].toString(16).padStart(8, '0');
      assert.deepEqual(say(`${OPEN} '/img' 00`), exactly(`'FILE' ${number} '/img' 00`));
      assert.deepEqual(say("'NAME' 'a' 00"), exactly(`'REPL' ${number}`));
    });
  }

  test('the extension: off until the control channel was asked for', () => {
    assert.deepEqual(say(CONTROL), exactly("'FILE' 00000000 'fuseward:control' 00", '+'));
    assert.equal(conversation.extended, true);
    assert.deepEqual(
      say("'OPEN' 00000000 00000000 00000002 00000400 '/i' 00"),
      exactly("'FILE' 00000000 '/i' 00", '+'),
    );
    assert.deepEqual(say("'IOMA' 'P?' 0000"), exactly(OK));
    assert.deepEqual(say("'IOMA' 'P!' 0000"), exactly(OK));
    assert.deepEqual(say("'IOMA' 'P!' 0001"), exactly(EINVAL));
    assert.deepEqual(say("'IOMA' 0000 0000"), exactly(EINVAL));
    assert.deepEqual(say("'IOMA' 'P!'"), exactly(EINVAL));
    assert.deepEqual(
      actions.calls.map(([what]) => what),
      ['control', 'open', 'iomap', 'iomap'],
    );
  });

  test('the listening socket: an ordinary path before the extension is on, a socket after', () => {
    const listen = (flags: string) => `'OPEN' 00000000 00000000 ${flags} 00000000 'fuseward:listen' 00`;
    assert.deepEqual(say(listen('00000001')), exactly("'FILE' 00000000 'fuseward:listen' 00", '+'));
    say(CONTROL);
    assert.deepEqual(say(listen('00000001')), exactly("'FILE' 00000000 'fuseward:listen' 00", '+'));
    actions.refuse = 'EBUSY';
    assert.deepEqual(say(listen('00000001')), exactly("'FILE' 00000010 'fuseward:listen' 00"));
    assert.deepEqual(
      actions.calls.map(([what]) => what),
      ['open', 'control', 'listen', 'listen'],
    );
  });

  test('what lies ready for a server is given by its name, once the extension is on', () => {
    const given = "'OPEN' 00000000 00000000 00000001 00000000 'fuseward:given:plan' 00";
    say(given);
    say(CONTROL);
    assert.deepEqual(say(given), exactly("'FILE' 00000000 'fuseward:given:plan' 00", '+'));
    assert.deepEqual(
      actions.calls.map(([what, name]) => (what === 'given' ? name : what)),
      ['open', 'control', 'plan'],
    );
  });

  test('a control channel that is refused leaves the extension off', () => {
    actions.refuse = 'EBUSY';
    assert.deepEqual(say(CONTROL), exactly("'FILE' 00000010 'fuseward:control' 00"));
    assert.equal(conversation.extended, false);
  });

  const fatal: Array<[what: string, dump: string, code: string]> = [
    ['a magic that nobody knows', "'NOPE' 00000000", 'magic'],
    ['a magic of the other direction', "'SAFT' 0001 0001 00000000", 'magic'],
    ['an answer as a command', "'REPL' 00000000", 'magic'],
    ['ARGS as a command', "'ARGS' 00000000", 'magic'],
    ['IOMA without the extension', "'IOMA' 'P?' 0000", 'magic'],
    ['three bytes', "'BYE'", 'size'],
    ['more than 65536 bytes', `'NAME' ${'61'.repeat(65536)} 00`, 'size'],
  ];
  for (const [what, dump, code] of fatal) {
    test(`${what} ends the conversation without an answer`, async () => {
      sendPacket(peer.fd, bytes(dump));
      const outcome = await conversation.run();
      assert.equal(outcome.ended, 'failed');
      assert.equal(outcome.ended === 'failed' && outcome.reason.code, code);
      assert.deepEqual(answers(), []);
    });
  }

  test('descriptors from the server end it and are not taken', async () => {
    sendPacket(peer.fd, bytes("'TYPE' 00000000"), [peer.fd]);
    const outcome = await conversation.run();
    assert.equal(outcome.ended === 'failed' && outcome.reason.code, 'descriptor');
  });

  test('an end without goodbye is a failure', async () => {
    say("'TYPE' 00000000");
    peer.close();
    const outcome = await conversation.run();
    assert.ok(outcome.ended === 'failed');
    assert.equal(outcome.reason.code, 'closed');
    assert.match(outcome.reason.message, /exited without saying goodbye/);
  });

  test('a goodbye brings its exit code', async () => {
    sendPacket(peer.fd, bytes("'BYEE' 00000020"));
    assert.deepEqual(await conversation.run(), {ended: 'goodbye', exitCode: 32});
  });

  test('silence ends at the deadline', async () => {
    converse(60);
    const outcome = await conversation.run();
    assert.equal(outcome.ended === 'failed' && outcome.reason.code, 'deadline');
  });

  test('a server that does not read its answers does not hold the helper', async () => {
    converse(300);
    actions.refuse = 'ENOENT';
    const packet = bytes(`${OPEN} ${'61'.repeat(4000)} 00`);
    const flood = (): void => {
      try {
        for (let i = 0; i < 4; i++) sendPacket(peer.fd, packet);
      } catch {
        return;
      }
      setImmediate(flood);
    };
    flood();
    const outcome = await conversation.run();
    ours.close();
    assert.ok(outcome.ended === 'failed');
    assert.ok(['deadline', 'too-many'].includes(outcome.reason.code), outcome.reason.code);
  });

  test('commands without end are cut off', async () => {
    const running = conversation.run();
    const chatter = (): void => {
      try {
        sendPacket(peer.fd, bytes("'TYPE' 00000000 00"));
      } catch {
        return;
      }
      answers();
      setImmediate(chatter);
    };
    chatter();
    const outcome = await running;
    ours.close();
    assert.equal(outcome.ended === 'failed' && outcome.reason.code, 'too-many');
  });

  test('a server that is gone is noticed though its socket is still open', async () => {
    conversation = new HelperConversation(
      {socket: ours, deadline: new Deadline(5000), ended: () => true},
      {actions, log: silent},
    );
    sendPacket(peer.fd, bytes("'TYPE' 00000000"));
    const outcome = await conversation.run();
    assert.equal(outcome.ended === 'failed' && outcome.reason.code, 'closed');
    assert.deepEqual(answers(), exactly(OK), 'what it said before is still answered');
  });
});
