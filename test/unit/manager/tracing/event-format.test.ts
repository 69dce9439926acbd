import {describe, expect, test} from 'vitest';
import {parseFields, parseFormat, readerOf} from '../../../../src/manager/tracing/event-format.js';

const FORMAT = `name: fuse_request_end
ID: 1292
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:dev_t connection;\toffset:8;\tsize:4;\tsigned:0;
\tfield:uint64_t unique;\toffset:16;\tsize:8;\tsigned:0;
\tfield:enum fuse_opcode opcode;\toffset:24;\tsize:4;\tsigned:0;
\tfield:char comm[16];\toffset:28;\tsize:16;\tsigned:0;
\tfield:__data_loc char[] name;\toffset:44;\tsize:4;\tsigned:0;

print fmt: "connection %u; field:int evil; offset:0; size:4; signed:0;", REC->connection
`;

test('a format of the kernel', () => {
  const format = parseFormat(FORMAT)!;
  expect([format.name, format.id]).toEqual(['fuse_request_end', 1292]);
  expect(format.fields.get('unique')).toEqual({offset: 16, size: 8, signed: false});
  expect(format.fields.get('opcode')).toEqual({offset: 24, size: 4, signed: false});
  expect(format.fields.get('comm')).toEqual({offset: 28, size: 16, signed: false});
  expect(format.fields.get('name')).toEqual({offset: 44, size: 4, signed: false});
  expect(format.fields.has('evil')).toBe(false);
});

describe('what is no format', () => {
  test.each([
    ['nothing', ''],
    ['no number', FORMAT.replace('ID: 1292\n', '')],
    ['no name', FORMAT.replace('name: fuse_request_end\n', '')],
    ['a number that is none', FORMAT.replace('1292', 'x')],
  ])('%s', (_what, text) => {
    expect(parseFormat(text)).toBeUndefined();
  });

  test('fields that lie outside of any event', () => {
    expect(parseFields('\tfield:int a;\toffset:99999;\tsize:4;\tsigned:0;').size).toBe(0);
    expect(parseFields('\tfield:int a;\toffset:-4;\tsize:4;\tsigned:0;').size).toBe(0);
  });
});

test.each([
  [1, false, 0x88],
  [1, true, -0x78],
  [2, false, 0x7788],
  [4, false, 0x55667788],
  [4, true, 0x55667788],
])('a field of %i bytes, signed %s', (size, signed, expected) => {
  const bytes = Uint8Array.of(0, 0x88, 0x77, 0x66, 0x55, 0, 0, 0, 0);
  expect(readerOf({offset: 1, size, signed})!(new DataView(bytes.buffer), 0)).toBe(expected);
});

test('a field of 8 bytes, and of a size that no number has', () => {
  const bytes = Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0);
  expect(readerOf({offset: 0, size: 8, signed: false})!(new DataView(bytes.buffer), 0)).toBe(2 * 2 ** 32 + 1);
  expect(readerOf({offset: 0, size: 16, signed: false})).toBeUndefined();
});
