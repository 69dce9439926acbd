import {S_IFDIR} from '../../../../src/fuse/index.js';
import {reply, rows, text} from '../support.js';
import {ENTRY, entryFields, flagsOf, NAME_AB, READ_BODY, type Row, str} from './row.js';

const RELEASE_BODY = rows(
  '0900000000000000  fh',
  '02840000 02000000  flags release_flags (flock unlock)',
  'efcdab8967452301  lock_owner',
);

export const fileRows: readonly Row[] = [
  {
    op: 'OPEN',
    body: rows('02820000 01000000  flags open_flags'),
    fs: (note) => ({
      open(ino, flags, open, ctx) {
        note(ino, flags, ...flagsOf(ctx));
        open.fh = 0x1_0000_0009;
        open.flags = 2;
        open.backingId = 3;
      },
    }),
    seen: [5, 0x8202, 1, 0, undefined],
    reply: reply('0900000001000000  fh', '02000000 03000000  open_flags backing_id'),
  },
  {
    op: 'OPENDIR',
    body: rows('00800100 00000000  flags open_flags'),
    fs: (note) => ({
      opendir(ino, flags, open) {
        note(ino, flags);
        open.fh = 4;
        open.flags = 8;
      },
    }),
    seen: [5, 0x18000],
    reply: reply('0400000000000000  fh', '08000000 00000000  open_flags backing_id'),
  },
  {
    op: 'READ',
    body: READ_BODY,
    fs: (note) => ({
      read(ino, fh, offset, target, ctx) {
        note(ino, fh, offset, target.length, ...flagsOf(ctx));
        target.set([1, 2, 3]);
        return 3;
      },
    }),
    seen: [5, 9, 4096, 32, 2, 0x8000, 0x0123456789abcdefn],
    reply: reply('010203  data'),
  },
  {
    op: 'READ',
    what: 'at the end of the file',
    body: READ_BODY,
    fs: () => ({read: () => 0}),
    seen: [],
    reply: reply(),
  },
  {
    op: 'WRITE',
    body: rows(
      '0900000000000000  fh',
      '0010000000000000  offset',
      '05000000 06000000  size write_flags (lock owner, kill suid)',
      'efcdab8967452301  lock_owner',
      '01800000 00000000  flags padding',
      '0102030405  data',
    ),
    fs: (note) => ({
      write(ino, fh, offset, data, ctx) {
        note(ino, fh, offset, [...data], ...flagsOf(ctx));
        return 4;
      },
    }),
    seen: [5, 9, 4096, [1, 2, 3, 4, 5], 6, 0x8001, 0x0123456789abcdefn],
    reply: reply('04000000 00000000  size padding'),
  },
  {
    op: 'STATFS',
    body: rows(),
    fs: (note) => ({
      statfs(ino, statfs) {
        note(ino);
        Object.assign(statfs, {blocks: 1, bfree: 2, bavail: 3, files: 4, ffree: 5, bsize: 6});
        Object.assign(statfs, {namelen: 7, frsize: 8});
      },
    }),
    seen: [5],
    reply: reply(
      '0100000000000000  blocks',
      '0200000000000000  bfree',
      '0300000000000000  bavail',
      '0400000000000000  files',
      '0500000000000000  ffree',
      '06000000 07000000  bsize namelen',
      '08000000 00000000  frsize padding',
      ...new Array(3).fill('0000000000000000  spare'),
    ),
  },
  {
    op: 'RELEASE',
    body: RELEASE_BODY,
    fs: (note) => ({release: (ino, fh, ctx) => note(ino, fh, ...flagsOf(ctx))}),
    seen: [5, 9, 2, 0x8402, 0x0123456789abcdefn],
    reply: reply(),
  },
  {
    op: 'RELEASEDIR',
    body: RELEASE_BODY,
    fs: (note) => ({releasedir: (ino, fh, ctx) => note(ino, fh, ...flagsOf(ctx))}),
    seen: [5, 9, 2, 0x8402, 0x0123456789abcdefn],
    reply: reply(),
  },
  {
    op: 'FSYNC',
    body: rows('0900000000000000  fh', '01000000 00000000  fsync_flags padding'),
    fs: (note) => ({fsync: (ino, fh, dataOnly) => note(ino, fh, dataOnly)}),
    seen: [5, 9, true],
    reply: reply(),
  },
  {
    op: 'FSYNCDIR',
    body: rows('0900000000000000  fh', '00000000 00000000  fsync_flags padding'),
    fs: (note) => ({fsyncdir: (ino, fh, dataOnly) => note(ino, fh, dataOnly)}),
    seen: [5, 9, false],
    reply: reply(),
  },
  {
    op: 'FLUSH',
    body: rows('0900000000000000  fh', '00000000 00000000  unused padding', 'efcdab8967452301  lock_owner'),
    fs: (note) => ({flush: (ino, fh, ctx) => note(ino, fh, ctx.lockOwner)}),
    seen: [5, 9, 0x0123456789abcdefn],
    reply: reply(),
  },
  {
    op: 'READDIR',
    body: READ_BODY,
    fs: (note) => ({
      readdir(ino, fh, offset, list) {
        note(ino, fh, offset, list.add(0x1_0000_0007, 8, 8, text('abc')), list.add(9, 10, 4, text('d')));
      },
    }),
    // 32 bytes are asked for: one record of 24 + 3, padded.
    seen: [5, 9, 4096, true, false],
    reply: reply(
      '0700000001000000  ino',
      '0800000000000000  off',
      '03000000 08000000  namelen type',
      '6162630000000000  name',
    ),
  },
  {
    op: 'READDIRPLUS',
    body: rows(
      '0900000000000000  fh',
      '0000000000000000  offset',
      '50010000 00000000  size read_flags',
      '0000000000000000  lock_owner',
      '00800100 00000000  flags padding',
    ),
    fs: (note) => ({
      readdirplus(ino, fh, offset, list) {
        const dot = list.add(text('.'), 1);
        Object.assign(dot!, {nodeid: 5});
        dot!.attr.mode = S_IFDIR;
        const named = list.add(text('abcdefgh'), 3);
        entryFields(named!);
        note(ino, fh, offset, list.add(text('x'), 4));
      },
    }),
    seen: [5, 9, 0, undefined],
    reply: reply(
      '0000000000000000  nodeid: never for "."',
      '0000000000000000  generation',
      '0100000000000000  entry_valid',
      ...new Array(13).fill('0000000000000000  rest of the entry'),
      '0500000000000000  ino',
      '0100000000000000  off',
      '01000000 04000000  namelen type',
      '2e00000000000000  name',
      ...ENTRY,
      '2211000000000000  ino',
      '0300000000000000  off',
      '08000000 08000000  namelen type',
      '6162636465666768  name',
    ),
  },
  {
    op: 'CREATE',
    body: rows('42820000 a4810000  flags mode', '12000000 01000000  umask open_flags', NAME_AB),
    fs: (note) => ({
      create(parent, name, mode, umask, flags, entry, open, ctx) {
        note(parent, str(name), mode, umask, flags, ctx.requestFlags);
        entryFields(entry);
        open.fh = 9;
      },
    }),
    seen: [5, 'ab', 0o100644, 0o022, 0x8242, 1],
    reply: reply(...ENTRY, '0900000000000000  fh', '00000000 00000000  open_flags backing_id'),
  },
  {
    op: 'TMPFILE',
    body: rows('02824100 a4810000  flags mode', '12000000 00000000  umask open_flags', '2f00  name'),
    fs: (note) => ({
      tmpfile(parent, mode, umask, flags, entry, open) {
        note(parent, mode, umask, flags);
        entryFields(entry);
        open.fh = 9;
      },
    }),
    seen: [5, 0o100644, 0o022, 0x418202],
    reply: reply(...ENTRY, '0900000000000000  fh', '00000000 00000000  open_flags backing_id'),
  },
];
