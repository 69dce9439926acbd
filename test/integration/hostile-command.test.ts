import {spawn} from 'node:child_process';
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {closeAll, type OwnedFd} from '../../src/sys/fd.js';
import {acceptConnection, connectSeqpacket, listenSeqpacket, waitReadable} from '../../src/sys/socket.js';
import {bundle} from '../support/bundle.mjs';
import type {Act, Took} from '../support/hostile-server/acts.js';
import {run} from '../support/mounts.js';
import {FUSEWARD} from './command-support.js';
import {missingForMounts} from './helper-support.js';
import {EVER, GREETING, last, send} from './hostile-support.js';
import {MountHelperRoom} from './mount-helper-room.js';
import {bye, doit, mntp, name, open, packet, type, u32} from './protocol-bytes.js';

const STRACE = '/usr/bin/strace';
const missing = missingForMounts() ?? (existsSync(STRACE) ? undefined : 'no strace');
const TYPE = 'hostile';
const POLICY = `deadline_seconds = 5
[[allow]]
users = ["root"]
sources = ["**"]
source_owner = "anyone"
targets = ["**"]
target_owner = "anyone"
access = "read-write"
`;
const MOST_MS = 60_000;

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

let room: MountHelperRoom;
let program: string;

/** Starts the real command in the room, with words in front of it. It is ended when it takes too long. */
function mounting(before: readonly string[] = []): Promise<Ended> {
  const args = ['mount', '-t', TYPE, room.image, room.target];
  const [command, ...rest] = [...room.inside, ...before, FUSEWARD, ...args];
  const child = spawn(command!, rest, {stdio: ['ignore', 'ignore', 'pipe']});
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), MOST_MS);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({code, stderr});
    });
  });
}

/** The same with a hostile server behind the service socket. */
async function against(
  acts: readonly Act[],
  before: readonly string[] = [],
): Promise<Ended & {took: Took[]}> {
  using listener = listenSeqpacket(room.socketOf(TYPE), 0o600);
  const ending = mounting(before);
  expect(waitReadable(listener.fd, MOST_MS), 'nobody connected').toBe(true);
  using connection = acceptConnection(listener.fd);
  const server = spawn(process.execPath, [program, JSON.stringify({acts})], {
    stdio: ['ignore', 'pipe', 'inherit', connection.fd],
  });
  connection.close();
  let lines = '';
  server.stdout!.setEncoding('utf8').on('data', (text: string) => {
    lines += text;
  });
  const gone = new Promise((resolve) => server.once('close', resolve));
  const ended = await ending;
  server.kill('SIGKILL');
  await gone;
  const took = lines.split('\n').filter((line) => line !== '');
  return {...ended, took: took.map((line) => JSON.parse(line) as Took)};
}

describe.skipIf(missing !== undefined)(
  `a hostile service against the mount command${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    beforeAll(async () => {
      program = await bundle('test/support/hostile-server/main.ts');
      room = await MountHelperRoom.open();
      room.policy(TYPE, POLICY);
    });
    afterEach(() => {
      rmSync(room.socketOf(TYPE), {force: true, recursive: true});
      expect(room.shown('FSTYPE'), 'a mount was left').toBe('');
    });
    afterAll(async () => {
      rmSync(program);
      await room.remove();
    });

    test('nothing that a server names is looked at, by the word of strace', async () => {
      const fifo = join(room.dir, 'fifo-bait');
      run('mkfifo', [fifo]);
      const baits = [
        '/etc/shadow',
        '/dev/mem',
        '/dev/kmsg',
        fifo,
        '/proc/1/root/bait',
        `${room.dir}/../bait`,
        'bait',
        `${room.image}/bait`,
      ];
      const trace = join(room.dir, 'trace');
      const acts = [
        ...GREETING,
        ...baits.flatMap((path) =>
          [open(path), open(path, {letters: 'BDEV'}), open(path, {flags: 0o102})].map(send),
        ),
        ...baits.map((path) => send(name(path.startsWith('/') ? path : `/${path}`))),
        ...baits.map((path) => send(mntp(path))),
        send(open(room.image)),
        last(bye(3)),
      ];
      const {code, stderr, took} = await against(acts, [
        STRACE,
        '-f',
        '-qq',
        '--seccomp-bpf',
        '-e',
        'trace=%file,fsconfig,fsopen,sendmsg',
        '-o',
        trace,
      ]);
      expect(stderr).toMatch(/the server failed with exit code 3\n$/);
      expect(code).toBe(1);
      // Only the last answer had a descriptor.
      expect(
        took
          .slice(3)
          .filter(({path}) => path !== undefined)
          .map(({path}) => path),
      ).toEqual([room.image]);
      const calls = readFileSync(trace, 'utf8').split('\n');
      // The judge sees: it has the look at the source, and the one answer that carried it.
      expect(calls.some((line) => line.includes(`"${room.image}"`))).toBe(true);
      const named = calls.filter(
        (line) => !/ sendmsg\(/.test(line) && /bait|shadow|kmsg|\/dev\/mem/.test(line),
      );
      expect(named).toEqual([]);
      expect(calls.filter((line) => / fs(open|config)\(/.test(line))).toEqual([]);
    });

    const rows: Array<[what: string, acts: () => Act[], says: RegExp]> = [
      ['is silent before the hello', () => [EVER], /the server did not finish in time\n$/],
      [
        'sends what nobody knows',
        () => [...GREETING, last(packet('\u001b[2J', u32(0)))],
        /the server broke the protocol: .*no such command\n$/,
      ],
      [
        'never answers FUSE_INIT',
        () => [
          ...GREETING,
          ...[type(0), name('x'), mntp(room.target), doit()].map(send),
          last(bye(0)),
          {serve: {init: 'never'}},
        ],
        /the server did not answer the first stat in time\n$/,
      ],
    ];
    test.each(rows)('the message names the cause when it %s', async (_what, acts, says) => {
      const {code, stderr} = await against(acts());
      expect(stderr).toMatch(/^fuseward: can't mount .* on .*: /);
      expect(stderr).toMatch(says);
      expect(stderr, 'nothing of the server’s for a terminal').not.toContain('\u001b');
      expect(code).toBe(1);
    });

    test('a service whose backlog is full is not waited for beyond the deadline', async () => {
      using listener = listenSeqpacket(room.socketOf(TYPE), 0o600);
      const waiting: OwnedFd[] = [];
      try {
        // Ends: the backlog has room for a few dozen.
        for (;;) {
          try {
            waiting.push(connectSeqpacket(room.socketOf(TYPE), {timeoutMs: 50}));
          } catch {
            break;
          }
        }
        expect(waiting.length).toBeGreaterThan(0);
        const started = performance.now();
        const {code, stderr} = await mounting();
        expect(stderr).toMatch(/: the server can't be reached: .*(timed out|ETIMEDOUT)/);
        expect(code).toBe(1);
        expect(performance.now() - started).toBeLessThan(MOST_MS / 2);
      } finally {
        closeAll(waiting);
        listener.close();
      }
    });

    test('what lies at the service’s place and is no socket is no server', async () => {
      writeFileSync(room.socketOf(TYPE), '');
      expect(await mounting()).toMatchObject({code: 2});
      rmSync(room.socketOf(TYPE));
      run('mkfifo', [room.socketOf(TYPE)]);
      expect(await mounting()).toMatchObject({code: 2});
    });
  },
);
