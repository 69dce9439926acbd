import assert from 'node:assert/strict';
import {describe, test} from 'vitest';
import * as commands from '../../../src/service/commands.js';
import * as file from '../../../src/service/file.js';
import {chooseVersion, hello, helloReply} from '../../../src/service/hello.js';
import {MAGIC} from '../../../src/service/magic.js';
import type {PacketCodec} from '../../../src/service/packet.js';
import {ProtocolError} from '../../../src/service/protocol-error.js';
import {ERRNO} from '../../../src/sys/errno-codes.js';
import {bytes, hex} from './bytes.js';

// biome-ignore lint/suspicious/noExplicitAny: a table of codecs of different values
type AnyCodec = PacketCodec<any>;

const openValue = {openFlags: 0, createMode: 0, quiet: false, tryLoop: false, blockSize: 0, path: '/d'};

/** Packets as the tables of the protocol give them, each with its meaning. */
const valid: Array<[what: string, codec: AnyCodec, dump: string, value: unknown]> = [
  // magic, min_version, max_version, flags
  [
    'hello without rights',
    hello,
    "'SAFT' 0001 0001 00000000",
    {minVersion: 1, maxVersion: 1, allowOther: false, fuseblk: false},
  ],
  [
    'hello with allow_other',
    hello,
    "'SAFT' 0001 0001 00000001",
    {minVersion: 1, maxVersion: 1, allowOther: true, fuseblk: false},
  ],
  [
    'hello with fuseblk',
    hello,
    "'SAFT' 0001 0003 00000002",
    {minVersion: 1, maxVersion: 3, allowOther: false, fuseblk: true},
  ],
  // magic, version, padding
  ['hello reply', helloReply, "'LAST' 0001 0000", {version: 1}],
  // magic, error, path, NUL
  ['file with a descriptor', file.fileAnswer, "'FILE' 00000000 'argv' 00", {error: 0, path: 'argv'}],
  ['file with EACCES', file.fileAnswer, "'FILE' 0000000d '/x y' 00", {error: 13, path: '/x y'}],
  [
    'file whose question nobody could read',
    file.fileAnswer,
    "'FILE' 00000016 '?' 00",
    {error: 22, path: '?'},
  ],
  // magic, error
  ['reply of success', commands.reply, "'REPL' 00000000", {error: 0}],
  ['reply of ENOTDIR', commands.reply, "'REPL' 00000014", {error: 20}],
  // magic, open_flags, create_mode, request_flags, block_size, path, NUL
  ['open for reading', file.openFile, "'OPEN' 00000000 00000000 00000000 00000000 '/d' 00", openValue],
  [
    'open with every field',
    file.openFile,
    "'OPEN' 00000082 000001a4 00000001 00001000 '/dev/sdä' 00",
    {openFlags: 0x82, createMode: 0o644, quiet: true, tryLoop: false, blockSize: 4096, path: '/dev/sdä'},
  ],
  [
    'open with the highest flag',
    file.openFile,
    "'OPEN' 80000000 00000000 00000000 00000000 '/d' 00",
    {...openValue, openFlags: 0x80000000},
  ],
  [
    'open that tries a loop device',
    file.openFileExtended,
    "'OPEN' 00000000 00000000 00000002 00000000 '/d' 00",
    {...openValue, tryLoop: true},
  ],
  [
    'block device',
    file.openBlockDevice,
    "'BDEV' 00000002 00000000 00000001 00000200 '/d' 00",
    {...openValue, openFlags: 2, quiet: true, blockSize: 512},
  ],
  // magic, fsopen_flags
  ['fuse', commands.fsopen, "'TYPE' 00000000", {fuseblk: false}],
  ['fuseblk', commands.fsopen, "'TYPE' 00000001", {fuseblk: true}],
  // magic, string, NUL
  ['source', commands.source, "'NAME' '/dev/sda1' 00", {value: '/dev/sda1'}],
  ['options', commands.mountOptions, "'OPTS' 'a,b=c' 00", {value: 'a,b=c'}],
  ['mtab options', commands.mtabOptions, "'MTAB' '-n' 00", {value: '-n'}],
  // magic, expected_fmt, padding, string, NUL
  ['mount point of any kind', commands.mountPoint, "'MNTP' 0000 0000 'm' 00", {path: 'm', expected: 'any'}],
  [
    'mount point: a directory',
    commands.mountPoint,
    "'MNTP' 4000 0000 '/m' 00",
    {path: '/m', expected: 'directory'},
  ],
  ['mount point: a file', commands.mountPoint, "'MNTP' 8000 0000 '/m' 00", {path: '/m', expected: 'file'}],
  // magic, ms_flags
  ['mount with flags', commands.mountNow, "'DOIT' 02000007", {flags: 0x02000007}],
  ['mount with the highest flag', commands.mountNow, "'DOIT' 80000000", {flags: 0x80000000}],
  // magic, exitcode
  ['goodbye', commands.goodbye, "'BYEE' 00000001", {exitCode: 1}],
  // magic, mode, padding
  ['iomap if possible', commands.iomap, "'IOMA' 'P?' 0000", {mode: 'optional'}],
  ['iomap or nothing', commands.iomap, "'IOMA' 'P!' 0000", {mode: 'mandatory'}],
];

/** One thing changed at a time, and what it is called. Errors that go to the other end are EINVAL. */
const invalid: Array<
  [what: string, codec: AnyCodec, dump: string, code: string, errno?: keyof typeof ERRNO]
> = [
  ['hello: another magic', hello, "'SAFE' 0001 0001 00000000", 'magic'],
  ['hello: a byte short', hello, "'SAFT' 0001 0001 000000", 'size'],
  ['hello: a byte long', hello, "'SAFT' 0001 0001 00000000 00", 'size'],
  ['hello: a flag nobody defined', hello, "'SAFT' 0001 0001 00000004", 'flags'],
  ['hello: the highest flag', hello, "'SAFT' 0001 0001 80000000", 'flags'],
  ['hello: little-endian version', hello, "'SAFT' 0001 0001 01000000", 'flags'],
  ['hello: nothing at all', hello, '', 'size'],
  ['hello: three bytes', hello, "'SAF'", 'size'],
  ['hello reply: a byte short', helloReply, "'LAST' 0001 00", 'size'],
  ['hello reply: padding', helloReply, "'LAST' 0001 0001", 'padding'],
  ['file: no text', file.fileAnswer, "'FILE' 00000000", 'size'],
  ['file: only a NUL', file.fileAnswer, "'FILE' 00000000 00", 'size'],
  ['file: no NUL', file.fileAnswer, "'FILE' 00000000 'argv'", 'terminator'],
  ['file: a NUL within', file.fileAnswer, "'FILE' 00000000 'ar' 00 'gv' 00", 'terminator'],
  ['file: two NULs', file.fileAnswer, "'FILE' 00000000 'argv' 0000", 'terminator'],
  ['file: an error beyond all', file.fileAnswer, "'FILE' 00001000 'argv' 00", 'value', 'EBADMSG'],
  ['file: a negative error', file.fileAnswer, "'FILE' fffffff3 'argv' 00", 'value', 'EBADMSG'],
  ['file: text that is not UTF-8', file.fileAnswer, "'FILE' 00000000 ff fe 00", 'encoding'],
  ['reply: a byte short', commands.reply, "'REPL' 000000", 'size'],
  ['reply: a byte long', commands.reply, "'REPL' 00000000 00", 'size'],
  ['reply: a negative error', commands.reply, "'REPL' ffffffff", 'value', 'EBADMSG'],
  ['open: the header alone', file.openFile, "'OPEN' 00000000 00000000 00000000 00000000", 'size'],
  ['open: an empty path', file.openFile, "'OPEN' 00000000 00000000 00000000 00000000 00", 'size'],
  ['open: no NUL', file.openFile, "'OPEN' 00000000 00000000 00000000 00000000 '/d'", 'terminator'],
  [
    'open: a NUL within',
    file.openFile,
    "'OPEN' 00000000 00000000 00000000 00000000 '/' 00 'd' 00",
    'terminator',
  ],
  [
    'open: a loop device without the extension',
    file.openFile,
    "'OPEN' 00000000 00000000 00000002 00000000 '/d' 00",
    'flags',
  ],
  [
    'open: a flag nobody defined',
    file.openFileExtended,
    "'OPEN' 00000000 00000000 00000004 00000000 '/d' 00",
    'flags',
  ],
  [
    'open: text that is not UTF-8',
    file.openFile,
    "'OPEN' 00000000 00000000 00000000 00000000 c3 28 00",
    'encoding',
  ],
  [
    'block device: a loop device',
    file.openBlockDevice,
    "'BDEV' 00000000 00000000 00000002 00000000 '/d' 00",
    'flags',
  ],
  ['type: a byte long', commands.fsopen, "'TYPE' 00000000 00", 'size'],
  ['type: a flag nobody defined', commands.fsopen, "'TYPE' 00000003", 'flags'],
  ['source: empty', commands.source, "'NAME' 00", 'size'],
  ['source: no NUL', commands.source, "'NAME' 'ab'", 'terminator'],
  ['options: a NUL within', commands.mountOptions, "'OPTS' 'a' 00 'b' 00", 'terminator'],
  ['mtab options: no NUL', commands.mtabOptions, "'MTAB' 'ab'", 'terminator'],
  ['mount point: padding', commands.mountPoint, "'MNTP' 4000 0001 '/m' 00", 'padding'],
  ['mount point: a symbolic link', commands.mountPoint, "'MNTP' a000 0000 '/m' 00", 'value'],
  ['mount point: permission bits', commands.mountPoint, "'MNTP' 41ed 0000 '/m' 00", 'value'],
  ['mount point: empty', commands.mountPoint, "'MNTP' 4000 0000 00", 'size'],
  ['mount: a byte short', commands.mountNow, "'DOIT' 000000", 'size'],
  ['goodbye: a byte long', commands.goodbye, "'BYEE' 00000000 00", 'size'],
  ['iomap: padding', commands.iomap, "'IOMA' 'P?' 0001", 'padding'],
  ['iomap: another mode', commands.iomap, "'IOMA' 'P.' 0000", 'value'],
];

describe('packets', () => {
  for (const [what, codec, dump, value] of valid) {
    test(`${what}: both directions`, () => {
      assert.deepEqual(codec.decode(bytes(dump)), value);
      assert.equal(hex(codec.encode(value)), hex(bytes(dump)));
    });
  }
  for (const [what, codec, dump, code, errno = 'EINVAL'] of invalid) {
    test(`${what} is refused`, () => {
      assert.throws(() => codec.decode(bytes(dump)), {name: 'ProtocolError', code, errno: ERRNO[errno]});
    });
  }

  test('a magic is its four letters', () => {
    for (const [name, magic] of Object.entries(MAGIC)) {
      const letters = [24, 16, 8, 0].map((shift) => String.fromCharCode((magic >>> shift) & 0xff)).join('');
      assert.equal(letters, name);
    }
  });

  test('what could not be decoded is not encoded either', () => {
    assert.throws(() => commands.source.encode({value: ''}), {code: 'size'});
    assert.throws(() => commands.source.encode({value: 'a\0b'}), {code: 'terminator'});
    assert.throws(() => file.openFile.encode({...openValue, tryLoop: true}), {code: 'flags'});
  });

  const versions: Array<[min: number, max: number, fits: boolean]> = [
    [1, 1, true],
    [0, 1, true],
    [1, 9, true],
    [0, 0, false],
    [2, 3, false],
    [2, 1, false],
  ];
  for (const [minVersion, maxVersion, fits] of versions) {
    test(`versions ${minVersion} to ${maxVersion} ${fits ? 'fit' : 'do not fit'}`, () => {
      const greeting = {minVersion, maxVersion, allowOther: false, fuseblk: false};
      if (fits) assert.equal(chooseVersion(greeting), 1);
      else assert.throws(() => chooseVersion(greeting), {code: 'version', errno: ERRNO.EOPNOTSUPP});
    });
  }

  test('any bytes decode or are refused', () => {
    const codecs = [...new Set(valid.map(([, codec]) => codec))];
    // A linear congruential generator: the same cases in each run.
    let seed = 12345;
    const next = (): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed >>> 16;
    };
    for (let round = 0; round < 300; round++) {
      const [, , dump] = valid[next() % valid.length] as (typeof valid)[number];
      const packet = bytes(dump);
      packet[next() % packet.length] = next() & 0xff;
      for (const codec of codecs) {
        try {
          codec.decode(packet.subarray(0, next() % (packet.length + 1)));
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }
    }
  });
});
