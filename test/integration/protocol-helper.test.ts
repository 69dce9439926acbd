import {spawn} from 'node:child_process';
import {chmodSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {acceptConnection, listenSeqpacket, waitReadable} from '../../src/sys/socket.js';
import {CHECKOUT} from '../support/checkout.js';
import {run} from '../support/mounts.js';
import {bundle, missingForMounts} from './helper-support.js';
import {MountHelperRoom} from './mount-helper-room.js';
import {
  argumentFile,
  bye,
  doit,
  file,
  hello,
  mntp,
  mtab,
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
import type {PeerScript, Step, Told} from './protocol-peer.js';

const missing = missingForMounts();
const PROGRAM = join(CHECKOUT, 'bin/fuservicemount3');
const TYPE = 'peer';
const ALLOW = `[[allow]]
users = ["root"]
sources = ["**"]
source_owner = "anyone"
targets = ["**"]
target_owner = "anyone"
access = "read-write"
`;
const [EPERM, EACCES, EBUSY, ENOTBLK, EISDIR, EINVAL, EROFS] = [1, 13, 16, 15, 21, 22, 30];
const S_IFDIR = 0x4000;
const S_IFREG = 0x8000;

let room: MountHelperRoom;
let peer: string;

interface Ended {
  code: number | null;
  stderr: string;
  told: Told[];
  /** How the peer ended. */
  peer: Promise<number | null>;
}

/** Runs the real program against a peer that follows a script. */
async function mounting(
  script: PeerScript,
  {source = room.image, target = room.target, options = ''} = {},
): Promise<Ended> {
  const scriptFile = join(room.dir, 'script.json');
  writeFileSync(scriptFile, JSON.stringify(script));
  const socket = room.socketOf(TYPE);
  rmSync(socket, {force: true});
  using listener = listenSeqpacket(socket, 0o220);
  const [command, ...rest] = [
    ...room.inside,
    PROGRAM,
    source,
    target,
    '-t',
    `fuse.${TYPE}`,
    ...(options === '' ? [] : ['-o', options]),
  ];
  const child = spawn(command!, rest, {stdio: ['ignore', 'ignore', 'pipe']});
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (piece) => (stderr += piece));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(waitReadable(listener.fd, 20_000), 'nobody connected').toBe(true);
  using connection = acceptConnection(listener.fd);
  const server = spawn(process.execPath, [peer, scriptFile], {
    stdio: ['ignore', 'pipe', 'inherit', connection.fd],
  });
  connection.close();
  let lines = '';
  server.stdout!.setEncoding('utf8').on('data', (piece) => (lines += piece));
  const gone = new Promise<number | null>((resolve) => server.once('close', resolve));
  const code = await ended;
  if (code !== 0) await gone;
  const told = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told);
  return {code, stderr, told, peer: gone};
}

const step = (bytes: Buffer): Step => ({send: bytes.toString('hex')});
const last = (bytes: Buffer): Step => ({send: bytes.toString('hex'), answer: false});
/** What an honest server says last. */
const mount = (target = room.target): Step[] => [type(0), name(room.image), mntp(target), doit()].map(step);

/** The answers to the script's packets. */
function answers({told}: Ended): string[] {
  return told.slice(3).map(({got}) => got);
}

describe.skipIf(missing !== undefined)(
  `the mount helper and a server of somebody else's, byte by byte${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    beforeAll(async () => {
      peer = bundle('protocol-peer');
      room = await MountHelperRoom.open();
      room.policy(TYPE, ALLOW);
    });
    afterEach(() => {
      room.policy(TYPE, ALLOW);
      rmSync(room.socketOf(TYPE), {force: true});
      expect(room.shown('FSTYPE'), 'a mount was left').toBe('');
    });
    afterAll(async () => {
      rmSync(peer);
      await room.remove();
    });

    test('a whole conversation, with everything that may be said', async () => {
      const path = room.image;
      const ended = await mounting(
        {
          steps: [
            // The source, quietly; once more; and a name of fuseward's own that is not asked for as such.
            step(open(path, {request: 1})),
            step(open(path)),
            ...[
              type(0),
              name(path),
              opts('max_read=8192,default_permissions'),
              mtab('user=somebody,uhelper=x'),
            ].map(step),
            step(mntp(room.target, S_IFDIR)),
            step(doit(0x1 | 0x8 /* MS_RDONLY, MS_NOEXEC */)),
            last(bye(0)),
          ],
          serve: 'directory',
        },
        {options: 'ro,nofail,x-y=z,errors=continue'},
      );
      expect(ended.stderr).toBe('');
      expect(ended.code).toBe(0);
      const [first, second, third] = ended.told;
      expect(first?.got).toBe(hello({flags: 1}).toString('hex'));
      expect(second).toMatchObject({
        got: file('argv').toString('hex'),
        // The subtype, then the command line without -t and what means nothing to a file system; no gaps.
        content: argumentFile([TYPE, path, room.target, '-o', 'ro,errors=continue'], 0).toString('hex'),
      });
      expect(third).toMatchObject({got: file('fusedev').toString('hex'), descriptor: '/dev/fuse'});
      const opened = ended.told.slice(3, 5);
      for (const {got, descriptor} of opened) {
        expect(got).toBe(file(path).toString('hex'));
        expect(descriptor).toBe(path);
      }
      expect(answers(ended).slice(2)).toEqual(Array(6).fill(reply(0).toString('hex')));
      expect(room.shown('FSTYPE')).toBe(`fuse.${TYPE}`);
      expect(room.shown('SOURCE')).toBe(path);
      expect(room.shown('OPTIONS')).toMatch(/^ro,nosuid,nodev,noexec,.*default_permissions,max_read=8192/);
      expect(room.run('umount', room.target).code).toBe(0);
      expect(await ended.peer).toBe(0);
    });

    test('a regular file as mount point, by a server that wants one', async () => {
      const target = join(room.dir, 'file');
      writeFileSync(target, '');
      const steps = [
        step(open(room.image)),
        ...[type(0), name('part')].map(step),
        step(mntp(target, S_IFDIR)),
        step(mntp(target, S_IFREG)),
        step(doit()),
        last(bye(0)),
      ];
      const ended = await mounting({steps, serve: 'file'}, {target});
      expect(ended.stderr).not.toContain("can't");
      expect(ended.code).toBe(0);
      expect(answers(ended).slice(1)).toEqual([0, 0, 20, 0, 0].map((errno) => reply(errno).toString('hex')));
      expect(room.shown('FSTYPE', target)).toBe(`fuse.${TYPE}`);
      expect(room.run('stat', '--format=%F', target).stdout).toMatch(/regular/);
      expect(room.run('umount', target).code).toBe(0);
    });

    test('EBUSY passes: asked again, the server gets its file', async () => {
      const ended = await mounting({
        steps: [
          {lock: room.image},
          step(open(room.image)),
          step(open(room.image, {request: 1})),
          {unlock: true},
          step(open(room.image)),
          ...mount(),
          last(bye(0)),
        ],
        serve: 'directory',
      });
      expect(answers(ended).slice(0, 3)).toEqual(
        [EBUSY, EBUSY, 0].map((errno) => file(room.image, errno).toString('hex')),
      );
      expect(ended.stderr).toBe('');
      expect(ended.code).toBe(0);
      expect(room.run('umount', room.target).code).toBe(0);
    });

    test('every request that may not be is answered so, and the conversation goes on', async () => {
      const path = room.image;
      const long = 'x'.repeat(65_536 - 5);
      const rows: Array<[what: string, sent: Buffer, answer: Buffer]> = [
        ['another file', open('/etc/shadow'), file('/etc/shadow', EACCES)],
        ['a way round', open(`${path}/../disk.img`), file(`${path}/../disk.img`, EACCES)],
        ['a relative name', open('disk.img'), file('disk.img', EACCES)],
        ['a descriptor of the helper’s', open('/proc/self/fd/3'), file('/proc/self/fd/3', EACCES)],
        ['the target', open(room.target), file(room.target, EACCES)],
        ['TRYLOOP without the extension', open(path, {request: 2}), file(path, EINVAL)],
        ['an unknown request flag', open(path, {request: 0x8000_0000}), file(path, EINVAL)],
        ['writing on a read-only mount', open(path, {flags: 2}), file(path, EROFS)],
        ['truncating', open(path, {flags: 0o1000}), file(path, EINVAL)],
        ['creating', open(path, {flags: 0o100}), file(path, EINVAL)],
        ['a path of PATH_MAX', open('y'.repeat(4096)), file('?', EINVAL)],
        ['a path of 65535 bytes', open('y'.repeat(65_536 - 21)), file('?', EINVAL)],
        ['no NUL', open(path).subarray(0, -1), file('?', EINVAL)],
        ['a NUL inside', open('/etc\0shadow'), file('?', EINVAL)],
        ['no path', packet('OPEN', u32(0), u32(0), u32(0), u32(0)), file('?', EINVAL)],
        ['a file as block device', open(path, {letters: 'BDEV'}), file(path, ENOTBLK)],
        ['a block device flag', open(path, {letters: 'BDEV', request: 2}), file(path, EINVAL)],
        ['fuseblk, which policy does not give', type(1), reply(EPERM)],
        ['an unknown kind', type(2), reply(EINVAL)],
        ['a short TYPE', packet('TYPE', u16(0)), reply(EINVAL)],
        ['TYPE', type(0), reply()],
        ['TYPE again', type(0), reply(EINVAL)],
        ['a source of 65532 bytes', packet('NAME', text(long)), reply(EINVAL)],
        ['a source that is somebody else’s path', name('/dev/sda'), reply(EACCES)],
        ['a source without NUL', packet('NAME', Buffer.from('x')), reply(EINVAL)],
        ['an empty source', name(''), reply(EINVAL)],
        ['a source', name('some-name'), reply()],
        ['a source again', name('some-name'), reply(EINVAL)],
        ['another mount point', mntp('/etc'), reply(EINVAL)],
        ['the source as mount point', mntp(path), reply(EINVAL)],
        ['padding', mntp(room.target, 0, 1), reply(EINVAL)],
        ['a mount point that is a FIFO', mntp(room.target, 0x1000), reply(EINVAL)],
        ['a mount point that is a file', mntp(room.target, S_IFREG), reply(EISDIR)],
        ['mounting before a mount point', doit(), reply(EINVAL)],
        ['a mount point', mntp(room.target), reply()],
        ['a mount point again', mntp(room.target), reply(EINVAL)],
        ['the helper’s own options', opts('fd=3'), reply(EINVAL)],
        ['an owner', opts('default_permissions,user_id=7'), reply(EINVAL)],
        ['options of 65532 bytes', packet('OPTS', text(long)), reply(EINVAL)],
        ['allow_other, which policy does not give', opts('allow_other'), reply(EPERM)],
        ['options', opts('default_permissions'), reply()],
        ['options again', opts('default_permissions'), reply(EINVAL)],
        ['mtab', mtab('x'), reply()],
        ['mtab again', mtab('x'), reply(EINVAL)],
        ['a bind mount', doit(0x1000), reply(EINVAL)],
        ['a remount', doit(0x20), reply(EINVAL)],
        ['a long DOIT', packet('DOIT', u32(0), u32(0)), reply(EINVAL)],
        ['a short goodbye', packet('BYEE'), reply(EINVAL)],
      ];
      room.policy(TYPE, `allow_other = false\n${ALLOW}`);
      const ended = await mounting(
        {steps: [...rows.map(([, sent]) => step(sent)), last(bye(1))]},
        {options: 'ro'},
      );
      expect(ended.told[0]?.got).toBe(hello({flags: 0}).toString('hex'));
      const got = answers(ended);
      rows.forEach(([what, , answer], index) => {
        expect(got[index], what).toBe(answer.toString('hex'));
      });
      for (const {descriptor} of ended.told.slice(3)) expect(descriptor).toBeUndefined();
      expect(ended.code).toBe(1);
    });

    test('fuseblk, on a real block device, where policy lets root', async () => {
      room.policy(TYPE, `fuseblk = true\n${ALLOW}`);
      const device = run('losetup', ['--find', '--show', '--read-only', room.image]).trim();
      try {
        const steps = [
          step(open(device, {letters: 'BDEV', blockSize: 1024})),
          ...[type(1), name(device), mntp(room.target), opts('blksize=1024'), doit(1)].map(step),
          last(bye(0)),
        ];
        const ended = await mounting({steps, serve: 'directory'}, {source: device});
        expect(ended.told[0]?.got).toBe(hello({flags: 3}).toString('hex'));
        expect(ended.told[3]?.descriptor).toBe(device);
        expect(ended.stderr).toBe('');
        expect(answers(ended).slice(1)).toEqual(Array(5).fill(reply(0).toString('hex')));
        expect(ended.code).toBe(0);
        expect(room.shown('FSTYPE')).toBe(`fuseblk.${TYPE}`);
        expect(room.shown('SOURCE')).toBe(device);
        // The kernel's claim is exclusive.
        expect(room.run('mount', '-t', 'ext4', '-o', 'ro', device, join(room.dir, 'other')).code).toBe(32);
        expect(room.run(join(CHECKOUT, 'bin/fuseward'), 'umount', room.target)).toEqual({
          code: 0,
          stdout: '',
          stderr: '',
        });
        expect(await ended.peer).toBe(0);
      } finally {
        run('losetup', ['--detach', device]);
      }
    });

    const broken: Array<[what: string, steps: () => Step[], code: number, says: RegExp]> = [
      ['goes away at once', () => [], 1, /the server exited without saying goodbye/],
      ['goes away when it has its file', () => [step(open(room.image))], 1, /without saying goodbye/],
      ['goes away after its mount', () => [step(open(room.image)), ...mount()], 1, /without saying goodbye/],
      ['sends an unknown packet', () => [last(packet('WHAT', u32(0)))], 1, /no such command/],
      [
        'sends what only fuseward knows',
        () => [last(packet('IOMA', u16(0x503f), u16(0)))],
        1,
        /no such command/,
      ],
      ['sends too little for a magic', () => [last(Buffer.from('BY'))], 1, /no room for a magic/],
      [
        'sends 65537 bytes',
        () => [last(packet('NAME', text('x'.repeat(65_532))))],
        1,
        /longer than 65536 bytes/,
      ],
      ['says goodbye with 7', () => [last(bye(7))], 7, /exit code 7/],
      [
        'says goodbye with 2: fall back',
        () => [last(bye(2))],
        2,
        /no safe filesystem driver for peer available/,
      ],
      ['says goodbye with 256', () => [last(bye(256))], 1, /exit code 256/],
      ['fails after its mount', () => [step(open(room.image)), ...mount(), last(bye(1))], 1, /exit code 1/],
      ['says goodbye without a mount', () => [last(bye(0))], 1, /without having anything mounted/],
    ];
    test.each(broken)('a server that %s', async (_what, steps, code, says) => {
      const ended = await mounting({steps: steps()});
      expect(ended.stderr).toMatch(says);
      expect(ended.code).toBe(code);
      expect(room.shown('FSTYPE')).toBe('');
    });

    test('a server that sends a descriptor gets nowhere with it', async () => {
      const ended = await mounting({steps: [{...step(name('x')), withDescriptor: true}]});
      expect(ended.code).toBe(1);
      // Where the kernel can't be told to refuse them (before Linux 6.16), the helper ends the conversation instead.
      expect(answers(ended)).toEqual([expect.stringMatching(/^(EPERM|ECONNRESET|)$/)]);
    });

    test('-t TYPE --check, and exit code 2 where nobody serves the type', () => {
      const check = (...args: string[]): unknown => room.run(PROGRAM, ...args);
      const none = {code: 2, stdout: '', stderr: 'fuseward: no safe filesystem driver for peer available\n'};
      expect(check('-t', TYPE, '--check')).toEqual(none);
      expect(check(room.image, room.target, '-t', `fuseblk.${TYPE}`)).toEqual(none);
      // A builtin driver is none of libfuse's services.
      expect(check(room.image, room.target, '-t', 'ext4')).toMatchObject({code: 2});
      expect(check('-t', 'a/b', '--check')).toMatchObject({code: 1});
      expect(check('-t', TYPE)).toMatchObject({code: 1});
      expect(check(room.image, room.target)).toMatchObject({code: 1});
      using listener = listenSeqpacket(room.socketOf(TYPE), 0o220);
      for (const named of [TYPE, `fuse.${TYPE}`, `fuseblk.${TYPE}`]) {
        expect(check('-t', named, '--check')).toEqual({code: 0, stdout: '', stderr: ''});
      }
      listener.close();
      // Nobody listens any more: the socket is there, and a mount is told to fall back.
      expect(check(room.image, room.target, '-t', TYPE)).toEqual(none);
      rmSync(room.socketOf(TYPE));
      writeFileSync(room.socketOf(TYPE), '');
      expect(check('-t', TYPE, '--check')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('it is no socket'),
      });
    });

    test('-t TYPE --check asks whether the real user may connect', async () => {
      using listener = listenSeqpacket(room.socketOf(TYPE), 0o600);
      expect(statSync(room.socketOf(TYPE)).mode & 0o777).toBe(0o600);
      const as = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
      const code = (): number | null => room.run(...as, PROGRAM, '-t', TYPE, '--check').code;
      const readable = run('sh', ['-c', `${as.join(' ')} test -r ${PROGRAM} && echo yes || :`]).includes(
        'yes',
      );
      if (!readable) return;
      expect(code()).toBe(1);
      chmodSync(room.socketOf(TYPE), 0o666);
      expect(code()).toBe(0);
      listener.close();
    });

    test('a type that policy does not name is denied, and that is no reason to fall back', async () => {
      rmSync(join(room.dir, 'policy', `${TYPE}.toml`));
      using listener = listenSeqpacket(room.socketOf(TYPE), 0o220);
      const {code, stderr} = room.run(PROGRAM, room.image, room.target, '-t', TYPE);
      expect(stderr).toMatch(/policy denies it/);
      expect(code).toBe(1);
      expect(await eventually(() => !waitReadable(listener.fd, 0), 30_000)).toBe(true);
    });
  },
);
