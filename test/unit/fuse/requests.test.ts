import {describe, expect, test} from 'vitest';
import {OPERATIONS} from '../../../src/fuse/dispatch-table.js';
import type {FileSystem} from '../../../src/fuse/index.js';
import {fileRows} from './rows/file-rows.js';
import {nameRows} from './rows/name-rows.js';
import {otherRows} from './rows/other-rows.js';
import {ENTRY, entryFields, str} from './rows/row.js';
import {Harness, request, rows, toRows} from './support.js';

const table = [...nameRows, ...fileRows, ...otherRows];

describe('a request is decoded, served and answered', () => {
  for (const row of table) {
    test(`${row.op}${row.what ? ` ${row.what}` : ''}`, () => {
      let seen: unknown[] = [];
      const harness = new Harness(
        row.fs((...args) => {
          seen = args;
        }),
      );
      const answer = harness.ask(request(row.op, row.body));
      expect(harness.errors).toEqual([]);
      expect(seen).toEqual(row.seen);
      expect(toRows(answer)).toEqual(row.reply);
    });

    test(`${row.op}${row.what ? ` ${row.what}` : ''}, answered later`, async () => {
      let seen: unknown[] = [];
      const sync = row.fs((...args) => {
        seen = args;
      }) as Record<string, (...args: unknown[]) => unknown>;
      const fs = Object.fromEntries(
        Object.entries(sync).map(([name, method]) => [
          name,
          async (...args: unknown[]) => {
            await Promise.resolve();
            return method(...args);
          },
        ]),
      ) as FileSystem;
      const harness = new Harness(fs);
      harness.send(request(row.op, row.body));
      expect(harness.replies).toEqual([]);
      await new Promise(setImmediate);
      expect(harness.errors).toEqual([]);
      expect(seen).toEqual(row.seen);
      expect(harness.replies.map(toRows)).toEqual([row.reply]);
    });
  }
});

test('a whole LOOKUP, header and all', () => {
  const harness = new Harness({
    lookup(parent, name, entry, ctx) {
      expect([parent, str(name), ctx.uid, ctx.gid, ctx.pid]).toEqual([1, 'hello', 1000, 100, 4242]);
      entryFields(entry);
    },
  });
  const answer = harness.ask(
    rows(
      '2e000000 01000000  len opcode',
      '0a00000000000080  unique, sent again',
      '0100000000000000  nodeid',
      'e8030000 64000000  uid gid',
      '92100000 0000 0000  pid total_extlen padding',
      '68656c6c6f 00  name',
    ),
  );
  expect(toRows(answer)).toEqual(
    toRows(rows('90000000 00000000  len error', '0a00000000000080  unique', ...ENTRY)),
  );
});

test('every operation that a file system serves has a row here', () => {
  const elsewhere = ['INIT', 'DESTROY', 'FORGET', 'BATCH_FORGET', 'INTERRUPT', 'NOTIFY_REPLY'];
  const never = ['SETUPMAPPING', 'REMOVEMAPPING', 'CUSE_INIT'];
  const covered = new Set<string>([...table.map((row) => row.op), ...elsewhere, ...never]);
  expect(OPERATIONS.map((row) => row.name).filter((name) => !covered.has(name))).toEqual([]);
});
