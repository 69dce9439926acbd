import {type ChildProcess, spawn} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {O_CLOEXEC, O_RDONLY, O_RDWR, type OwnedFd, openFd} from '../../src/sys/fd.js';
import {createMemfd} from '../../src/sys/memfd.js';
import {mountAt, umount} from '../../src/sys/mount.js';
import {mountAtPath} from '../../src/sys/mount-info.js';
import {receivePacket, sendPacket, seqpacketPair, streamPair} from '../../src/sys/socket.js';
import {CHECKOUT} from '../support/checkout.js';
import {type Bench, bench, FUSEWARD} from './command-support.js';
import {missingForMounts} from './helper-support.js';
import {
  argumentFile,
  bye,
  doit,
  file,
  hello,
  mntp,
  name,
  open,
  opts,
  packet,
  reply,
  text,
  type,
  u16,
  u32,
} from './protocol-bytes.js';

const missing = missingForMounts();
const [ENOENT, EACCES, EBUSY] = [2, 13, 16];
const MS_FLAGS = 0x1 | 0x2 | 0x4 | 0x8 | 0x400; // ro nosuid nodev noexec noatime
const PATIENCE_MS = 20_000;

/** A helper as libfuse's is, written by hand, and the real server at the other end of its socket. */
class Helper {
  readonly #socket: OwnedFd;
  readonly #server: ChildProcess;
  readonly ended: Promise<number | null>;
  log = '';
  fuse: OwnedFd | undefined;

  constructor(pair: [OwnedFd, OwnedFd] = seqpacketPair(), environment = 'LISTEN_FDS=1 LISTEN_PID=$$') {
    const [ours, theirs] = pair;
    this.#socket = ours;
    this.#server = spawn('sh', ['-c', `${environment} exec "$0" serve ext4`, FUSEWARD], {
      stdio: ['ignore', 'ignore', 'pipe', theirs.fd],
    });
    theirs.close();
    this.#server.stderr!.setEncoding('utf8').on('data', (piece) => (this.log += piece));
    this.ended = new Promise((resolve) => this.#server.once('close', resolve));
  }

  say(bytes: Buffer, fd?: OwnedFd): void {
    sendPacket(this.#socket.fd, bytes, fd === undefined ? [] : [fd.fd]);
  }

  /** The next packet; empty when the server has closed. */
  hear(): Buffer {
    const buffer = new Uint8Array(70_000);
    try {
      const {length} = receivePacket(this.#socket.fd, buffer, {maxFds: 0, timeoutMs: PATIENCE_MS});
      return Buffer.from(buffer.subarray(0, length));
    } catch (error) {
      if ((error as {code?: string}).code === 'ECONNRESET') return Buffer.alloc(0);
      throw error;
    }
  }

  expect(bytes: Buffer): void {
    expect(this.hear().toString('latin1')).toBe(bytes.toString('latin1'));
  }

  /** Hello and the two files. */
  greet(args: readonly string[], flags = 3): void {
    this.say(hello({flags}));
    this.expect(packet('LAST', u16(1), u16(0)));
    using argv = createMemfd('args', Uint8Array.from(argumentFile(args)));
    this.say(file('argv'), argv);
    this.fuse = openFd('/dev/fuse', O_RDWR | O_CLOEXEC);
    this.say(file('fusedev'), this.fuse);
  }

  close(): void {
    this.fuse?.close();
    if (!this.#socket.closed) this.#socket.close();
    this.#server.kill('SIGKILL');
  }
}

let place: Bench;
let helper: Helper | undefined;
const probe = open('fuseward:control', {request: 1});

describe.skipIf(missing !== undefined)(
  `our server and a mount helper of somebody else's, byte by byte${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    beforeAll(() => {
      place = bench();
    });
    afterEach(() => {
      if (mountAtPath(place.target) !== undefined) umount(place.target, 2);
      helper?.close();
      helper = undefined;
    });
    afterAll(() => place.remove());

    const said: Array<[what: string, refusal: number]> = [
      ['no such file', ENOENT],
      ['a file that nobody named', EACCES],
    ];
    test.each(said)('is mounted by one that knows no extension: %s', async (_what, refusal) => {
      helper = new Helper();
      helper.greet(['ext4', place.image, place.target, '-o', 'ro,noexec,noatime']);
      helper.expect(probe);
      helper.say(file('fuseward:control', refusal));
      // Nothing of the extension comes from here on, and nothing is asked for with write access.
      helper.expect(open(place.image));
      helper.say(file(place.image, EBUSY));
      helper.expect(open(place.image));
      using image = openFd(place.image, O_RDONLY);
      helper.say(file(place.image), image);
      for (const command of [type(0), name(place.image), mntp(place.target, 0x4000)]) {
        helper.expect(command);
        helper.say(reply());
      }
      helper.expect(opts('default_permissions,allow_other'));
      helper.say(reply());
      helper.expect(doit(MS_FLAGS));
      const parameters = `fd=${helper.fuse?.fd},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other`;
      mountAt(place.image, place.target, 'fuse.ext4', MS_FLAGS, parameters);
      helper.say(reply());
      helper.expect(bye(0));
      expect(helper.hear()).toHaveLength(0);
      helper.fuse?.close();
      const source = join(CHECKOUT, 'src/wire');
      expect(readdirSync(place.target)).toEqual(expect.arrayContaining(readdirSync(source)));
      expect(readFileSync(join(place.target, 'struct.ts'), 'utf8')).toBe(
        readFileSync(join(source, 'struct.ts'), 'utf8'),
      );
      umount(place.target);
      expect(await helper.ended).toBe(0);
    });

    test('leaves allow_other out where the helper does not permit it', async () => {
      helper = new Helper();
      helper.greet(['ext4', place.image, place.target], 0);
      helper.expect(probe);
      helper.say(file('fuseward:control', ENOENT));
      helper.expect(open(place.image));
      using image = openFd(place.image, O_RDONLY);
      helper.say(file(place.image), image);
      for (let count = 0; count < 3; count++) {
        helper.hear();
        helper.say(reply());
      }
      helper.expect(opts('default_permissions'));
      helper.say(reply(1));
      helper.expect(bye(1));
      expect(await helper.ended).toBe(1);
    });

    const greetings: Array<[what: string, greeting: Buffer]> = [
      ['an unknown flag', hello({flags: 4})],
      ['the highest flag', hello({flags: 0x8000_0000})],
      ['versions turned round', hello({min: 2, max: 1})],
      ['newer versions only', hello({min: 2, max: 9})],
      ['older versions only', hello({min: 0, max: 0})],
      ['a byte too few', hello().subarray(0, 11)],
      ['a byte too many', Buffer.concat([hello(), Buffer.alloc(1)])],
      ['another packet', packet('REPL', u32(0), u32(0))],
    ];
    test.each(greetings)('a hello with %s is refused without an answer', async (_what, greeting) => {
      helper = new Helper();
      helper.say(greeting);
      expect(helper.hear()).toHaveLength(0);
      expect(await helper.ended).toBe(1);
      expect(helper.log).not.toBe('');
    });

    const files: Array<[what: string, first: (helper: Helper) => void]> = [
      ['another file than argv', (it) => it.say(file('args'), openFd('/dev/null', O_RDONLY))],
      ['no descriptor', (it) => it.say(file('argv'))],
      ['an error and a descriptor', (it) => it.say(file('argv', 5), openFd('/dev/null', O_RDONLY))],
      [
        'an argument file that is none',
        (it) => it.say(file('argv'), createMemfd('a', Buffer.from('nothing'))),
      ],
      [
        'strings that lie outside',
        (it) =>
          it.say(
            file('argv'),
            createMemfd('a', Buffer.concat([Buffer.from('ARGS'), u32(1), u32(16), u32(99), text('x')])),
          ),
      ],
      [
        'a name without NUL',
        (it) => it.say(packet('FILE', u32(0), Buffer.from('argv')), openFd('/dev/null', O_RDONLY)),
      ],
    ];
    test.each(files)('%s ends it', async (_what, first) => {
      helper = new Helper();
      helper.say(hello());
      helper.hear();
      first(helper);
      expect(helper.hear()).toHaveLength(0);
      expect(await helper.ended).toBe(1);
    });

    test('a helper that refuses the source gets a goodbye with 1', async () => {
      helper = new Helper();
      helper.greet(['ext4', place.image, place.target]);
      helper.expect(probe);
      helper.say(file('fuseward:control', ENOENT));
      helper.expect(open(place.image));
      helper.say(file(place.image, EACCES));
      helper.expect(bye(1));
      expect(helper.hear()).toHaveLength(0);
      expect(await helper.ended).toBe(1);
      expect(helper.log).toContain('EACCES');
    });

    test('a helper that goes away ends it', async () => {
      helper = new Helper();
      helper.greet(['ext4', place.image, place.target]);
      helper.expect(probe);
      helper.say(file('fuseward:control', ENOENT));
      helper.expect(open(place.image));
      helper.close();
      // Killed by us or gone by itself, it is gone.
      expect(await helper.ended).not.toBe(0);
    });

    const starts: Array<[what: string, environment: string, pair: () => [OwnedFd, OwnedFd]]> = [
      ['without LISTEN_FDS', 'LISTEN_PID=$$', seqpacketPair],
      ['for another process', 'LISTEN_FDS=1 LISTEN_PID=1', seqpacketPair],
      ['with two descriptors', 'LISTEN_FDS=2 LISTEN_PID=$$', seqpacketPair],
      ['with a stream socket', 'LISTEN_FDS=1 LISTEN_PID=$$', streamPair],
    ];
    test.each(starts)('started %s it says so and fails', async (_what, environment, pair) => {
      helper = new Helper(pair(), environment);
      expect(await helper.ended).toBe(1);
      expect(helper.log).not.toBe('');
    });

    test('lives on a while under a journal, for its last lines', async () => {
      mkdirSync(join(place.dir, 'unused'));
      const started = performance.now();
      helper = new Helper(seqpacketPair(), 'JOURNAL_STREAM=1:2 LISTEN_FDS=1 LISTEN_PID=$$');
      helper.greet(['ext4', place.image, join(place.dir, 'unused')]);
      helper.expect(probe);
      helper.say(file('fuseward:control', ENOENT));
      helper.hear();
      helper.say(file(place.image, ENOENT));
      helper.expect(bye(1));
      expect(await helper.ended).toBe(1);
      expect(performance.now() - started).toBeGreaterThan(2_000);
    });
  },
);
