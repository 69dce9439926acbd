import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {statSync} from 'node:fs';
import {join} from 'node:path';
import {describe, test} from 'vitest';
import {mount} from '../../src/helper/mount.js';
import {unmount} from '../../src/helper/unmount.js';
import {mountAtPath} from '../../src/sys/mount-info.js';
import type {Act} from '../support/hostile-server/acts.js';
import {missingForMounts, request, tracesOf} from './helper-support.js';
import {
  CONTROL,
  EVER,
  GREETING,
  type HostileBench,
  last,
  send,
  TAKE,
  tell,
  withHostileBench,
} from './hostile-support.js';
import {bye, doit, file, mntp, open, opts, packet, reply, type, u16, u32} from './protocol-bytes.js';

const missing = missingForMounts();
const [ENOENT, EACCES, EBUSY, ENOTBLK, EINVAL] = [2, 13, 16, 15, 22];

describe.skipIf(missing !== undefined)(
  `a hostile server against the helper${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let bench: HostileBench;
    withHostileBench((fresh) => {
      bench = fresh;
    });

    describe('ends', () => {
      const silent = /the server did not finish in time$/;
      const rows: Array<[what: string, acts: () => Act[], code: string, says: RegExp]> = [
        ['that says nothing, not even hello', () => [EVER], 'deadline', silent],
        ['that is silent after the hello', () => [...GREETING, EVER], 'deadline', silent],
        [
          'that keeps its control channel busy and says nothing',
          () => [...GREETING, CONTROL, ...trickle(), EVER],
          'deadline',
          silent,
        ],
        [
          'that is silent after its mount',
          () => [...GREETING, ...bench.mounting(), EVER],
          'deadline',
          silent,
        ],
        [
          'that greets with another version',
          () => [TAKE, last(packet('LAST', u16(2), u16(0)))],
          'conversation',
          /protocol version was not offered/,
        ],
        [
          'that greets with 60000 bytes',
          () => [TAKE, last(Buffer.alloc(60_000, 0x4c))],
          'conversation',
          /broke the protocol: LAST/,
        ],
        [
          'that sends a command before the hello',
          () => [last(doit()), TAKE, EVER],
          'conversation',
          /broke the protocol/,
        ],
        [
          'that sends an empty packet',
          () => [...GREETING, last(Buffer.alloc(0))],
          'server-died',
          /without saying goodbye/,
        ],
        [
          'that sends a command byte by byte',
          () => [...GREETING, last(Buffer.from('T'))],
          'conversation',
          /no room for a magic/,
        ],
        [
          'that sends 65536 packets and takes the answers',
          () => [...GREETING, {flood: type(9).toString('hex'), times: 65_536, taking: true}],
          'conversation',
          /more than 512 commands/,
        ],
        [
          'that sends 65536 packets and takes no answer',
          () => [...GREETING, {flood: open('x'.repeat(4000)).toString('hex'), times: 65_536}],
          'deadline',
          silent,
        ],
        [
          'that says goodbye and mounts nothing',
          () => [...GREETING, ...bench.mounting().slice(0, 3), last(bye(0))],
          'server-refused',
          /goodbye without having anything mounted/,
        ],
        [
          'that dies with its mount made',
          () => [...GREETING, ...bench.mounting(), {die: true}],
          'server-died',
          /without saying goodbye/,
        ],
      ];
      test.each(rows)('one %s', async (_what, acts, code, says) => bench.fails(acts(), code, says));
    });

    /** Bytes of a frame that never gets whole. */
    function trickle(): Act[] {
      return [0, 0, 0, 9, 0x7b].flatMap((byte) => [tell(Uint8Array.of(byte)), {waitMs: 50}]);
    }

    test('a second mount is refused, and the first holds', async () => {
      const acts = [
        ...GREETING,
        ...bench.mounting(),
        send(doit()),
        send(mntp('/etc')),
        last(bye(0)),
        {serve: {}},
      ];
      const result = await mount(request(bench.place), bench.deps(acts));
      assert.equal(tracesOf(bench.place.dir).mounts.length, 1);
      assert.equal(result.mountId, mountAtPath(bench.place.target)?.id);
      await unmount(bench.place.target);
      assert.deepEqual(
        (await bench.took()).slice(-2).map(({got}) => got),
        Array(2).fill(reply(EINVAL).toString('hex')),
      );
    });

    test('whatever a server asks to have opened, it gets the source or nothing', async () => {
      const {image, dir} = bench.place;
      const fifo = join(dir, 'fifo');
      spawnSync('mkfifo', [fifo]);
      spawnSync('ln', ['-s', image, join(dir, 'link')]);
      spawnSync('ln', [image, join(dir, 'hard')]);
      const names = [
        '/etc/shadow',
        '/dev/sda',
        '/dev/mem',
        '/dev/fuse',
        '/dev/loop-control',
        '/dev/loop0',
        fifo,
        join(dir, 'link'),
        join(dir, 'hard'),
        `${image}/`,
        `${dir}//disk.img`,
        `${dir}/./disk.img`,
        `${dir}/../${dir}/disk.img`,
        'disk.img',
        '.',
        '..',
        '/proc/self/fd/3',
        '/proc/self/exe',
        `/proc/${process.pid}/root${image}`,
        `${image}\n`,
        ` ${image}`,
        'fuseward:listen',
        'argv',
        'fusedev',
        'x'.repeat(4095),
      ];
      const flags = [
        ['O_WRONLY | O_RDWR', 3],
        ['O_CREAT', 0o100],
        ['O_TRUNC', 0o1000],
        ['O_APPEND', 0o2000],
        ['O_PATH', 0o10000000],
        ['O_DIRECTORY', 0o200000],
        ['O_TMPFILE', 0o20200000],
        ['O_NOFOLLOW', 0o400000],
        ['O_ASYNC', 0o20000],
        ['all', 0xffff_ffff],
      ] as const;
      const rows: Array<[what: string, sent: Buffer, answer: Buffer]> = [
        ...names.map((path): [string, Buffer, Buffer] => [
          path,
          open(path),
          file(path, path === 'fuseward:listen' ? ENOENT : EACCES),
        ]),
        ...names.map((path): [string, Buffer, Buffer] => [
          `BDEV ${path}`,
          open(path, {letters: 'BDEV', blockSize: 512}),
          file(path, EACCES),
        ]),
        ...flags.map(([what, number]): [string, Buffer, Buffer] => [
          what,
          open(image, {flags: number}),
          file(image, EINVAL),
        ]),
        [
          'the file as a device',
          open(image, {letters: 'BDEV', blockSize: 0xffff_ffff}),
          file(image, ENOTBLK),
        ],
        ['a block size that is none', open(image, {blockSize: 0xffff_ffff}), file(image)],
        ['once more', open(image, {blockSize: 3}), file(image)],
        ['once more, otherwise', open(image, {flags: 2}), file(image, EBUSY)],
        ['and as at first', open(image), file(image)],
        ['a control channel, twice', open('fuseward:control', {request: 1}), file('fuseward:control', EBUSY)],
        ['iomap of no mode', packet('IOMA', u16(0), u16(0)), reply(EINVAL)],
        ['iomap with padding', packet('IOMA', u16(0x503f), u16(1)), reply(EINVAL)],
        ['iomap, short', packet('IOMA'), reply(EINVAL)],
        ['iomap, long', packet('IOMA', u16(0x503f), u16(0), u32(0)), reply(EINVAL)],
        ['options that are not', opts(',,,='), reply(EINVAL)],
        ['an option with a NUL’s neighbour', opts('max_read=1\u0001'), reply(EINVAL)],
        ['a number past all numbers', opts(`max_read=${'9'.repeat(400)}`), reply(EINVAL)],
        ['a mount point that is the target’s parent', mntp(dir), reply(EINVAL)],
        ['a mount point behind the target', mntp(`${bench.place.target}/.`), reply(EINVAL)],
        ['a mount point by descriptor', mntp('/proc/self/fd/3'), reply(EINVAL)],
        ['a mount with every flag', doit(0xffff_ffff), reply(EINVAL)],
      ];
      await bench.fails(
        [...GREETING, CONTROL, ...rows.map(([, sent]) => send(sent)), last(bye(9))],
        'server-refused',
        /exit code 9/,
      );
      const answers = await bench.took();
      const source = statSync(image);
      rows.forEach(([what, , answer], index) => {
        const {got, inode} = answers[index + 4]!;
        assert.equal(got, answer.toString('hex'), what);
        // Judged by the descriptor itself: whatever came with an answer is the source.
        if (inode !== undefined) assert.equal(inode, `${source.dev}:${source.ino}`, what);
      });
      assert.equal(answers.length, rows.length + 4);
    });

    test.each([1, 253])('%d descriptors sent to the helper are not taken', async (descriptors) => {
      const acts: Act[] = [...GREETING, {send: type(0).toString('hex'), descriptors, answer: false}];
      // Where the kernel refuses them the server gives up; before Linux 6.16 the helper ends it.
      await bench.fails(
        acts,
        /^(server-died|conversation)$/,
        /descriptors are not taken|without saying goodbye/,
      );
    });
  },
);
