import {S_IFDIR, S_IFREG} from '../../../../src/fuse/index.js';
import {reply, rows, text} from '../support.js';
import {ATTR, ENTRY, entryFields, fillAttr, NAME_AB, type Row, str} from './row.js';

const SETATTR_BODY = rows(
  '7f060000 00000000  valid (all but the NOW ones and KILL_SUIDGID) padding',
  '0900000000000000  fh',
  '0500000001000000  size',
  'efcdab8967452301  lock_owner',
  'ffffffffffffffff  atime',
  '0000000001000000  mtime',
  '0300000000000000  ctime',
  '01000000 02000000  atimensec mtimensec',
  '03000000 a4810000  ctimensec mode',
  '00000000 e8030000  unused4 uid',
  '64000000 00000000  gid unused5',
);

export const nameRows: readonly Row[] = [
  {
    op: 'LOOKUP',
    body: rows(NAME_AB),
    fs: (note) => ({
      lookup(parent, name, entry, ctx) {
        note(parent, str(name), ctx.uid, ctx.gid, ctx.pid, ctx.opcode, ctx.resent);
        entryFields(entry);
      },
    }),
    seen: [5, 'ab', 1000, 100, 4242, 1, false],
    reply: reply(...ENTRY),
  },
  {
    op: 'LOOKUP',
    what: 'that remembers there is no such name',
    body: rows(NAME_AB),
    fs: () => ({
      lookup(_parent, _name, entry) {
        entry.entryValid = 3;
        entry.attr.mode = S_IFREG;
      },
    }),
    seen: [],
    reply: reply(
      '0000000000000000  nodeid',
      '0000000000000000  generation',
      '0300000000000000  entry_valid',
      ...new Array(13).fill('0000000000000000'),
    ),
  },
  {
    op: 'GETATTR',
    what: 'of a path',
    body: rows('00000000 00000000  flags dummy', '0900000000000000  fh'),
    fs: (note) => ({
      getattr(ino, fh, answer) {
        note(ino, fh);
        answer.attrValid = 10;
        answer.attrValidNsec = 5;
        fillAttr(answer.attr);
      },
    }),
    seen: [5, undefined],
    reply: reply('0a00000000000000  attr_valid', '05000000 00000000  attr_valid_nsec dummy', ...ATTR),
  },
  {
    op: 'GETATTR',
    what: 'of an open file; the node id stands in for ino',
    body: rows('01000000 00000000  flags dummy', '0900000000000000  fh'),
    fs: (note) => ({
      getattr(ino, fh, answer) {
        note(ino, fh);
        answer.attr.mode = S_IFDIR | 0o755;
      },
    }),
    seen: [5, 9],
    reply: reply(
      '0100000000000000  attr_valid: the default',
      '00000000 00000000  attr_valid_nsec dummy',
      '0500000000000000  ino',
      '0000000000000000  size',
      '0000000000000000  blocks',
      '0000000000000000  atime',
      '0000000000000000  mtime',
      '0000000000000000  ctime',
      '00000000 00000000  atimensec mtimensec',
      '00000000 ed410000  ctimensec mode',
      '01000000 00000000  nlink uid',
      '00000000 00000000  gid rdev',
      '00000000 00000000  blksize flags',
    ),
  },
  {
    op: 'SETATTR',
    body: SETATTR_BODY,
    fs: (note) => ({
      setattr(ino, changes, answer, ctx) {
        note(ino, {...changes}, ctx.lockOwner);
        fillAttr(answer.attr);
      },
    }),
    seen: [
      5,
      {
        valid: 0x67f,
        fh: 9,
        size: 0x1_0000_0005,
        atime: -1,
        mtime: 2 ** 32,
        ctime: 3,
        atimensec: 1,
        mtimensec: 2,
        ctimensec: 3,
        mode: S_IFREG | 0o644,
        uid: 1000,
        gid: 100,
      },
      0x0123456789abcdefn,
    ],
    reply: reply('0100000000000000  attr_valid', '0000000000000000', ...ATTR),
  },
  {
    op: 'READLINK',
    body: rows(),
    fs: (note) => ({
      readlink(ino) {
        note(ino);
        return text('a/b');
      },
    }),
    seen: [5],
    reply: reply('612f62  target'),
  },
  {
    op: 'SYMLINK',
    body: rows(NAME_AB, '2e2e2f63 00  target'),
    fs: (note) => ({
      symlink(parent, name, target, entry) {
        note(parent, str(name), str(target));
        entryFields(entry);
      },
    }),
    seen: [5, 'ab', '../c'],
    reply: reply(...ENTRY),
  },
  {
    op: 'MKNOD',
    body: rows('a4210000 01080000  mode rdev', '12000000 00000000  umask padding', NAME_AB),
    fs: (note) => ({
      mknod(parent, name, mode, rdev, umask, entry) {
        note(parent, str(name), mode, rdev, umask);
        entryFields(entry);
      },
    }),
    seen: [5, 'ab', 0o020644, 0x801, 0o022],
    reply: reply(...ENTRY),
  },
  {
    op: 'MKDIR',
    body: rows('ed010000 12000000  mode umask', NAME_AB),
    fs: (note) => ({
      mkdir(parent, name, mode, umask, entry) {
        note(parent, str(name), mode, umask);
        entryFields(entry);
      },
    }),
    seen: [5, 'ab', 0o755, 0o022],
    reply: reply(...ENTRY),
  },
  {
    op: 'UNLINK',
    body: rows(NAME_AB),
    fs: (note) => ({unlink: (parent, name) => note(parent, str(name))}),
    seen: [5, 'ab'],
    reply: reply(),
  },
  {
    op: 'RMDIR',
    body: rows(NAME_AB),
    fs: (note) => ({rmdir: (parent, name) => note(parent, str(name))}),
    seen: [5, 'ab'],
    reply: reply(),
  },
  {
    op: 'RENAME',
    body: rows('0600000000000000  newdir', NAME_AB, '6300  new name'),
    fs: (note) => ({
      rename: (parent, name, newParent, newName, flags) =>
        note(parent, str(name), newParent, str(newName), flags),
    }),
    seen: [5, 'ab', 6, 'c', 0],
    reply: reply(),
  },
  {
    op: 'RENAME2',
    body: rows('0600000000000000  newdir', '01000000 00000000  flags padding', NAME_AB, '6300  new name'),
    fs: (note) => ({
      rename: (parent, name, newParent, newName, flags) =>
        note(parent, str(name), newParent, str(newName), flags),
    }),
    seen: [5, 'ab', 6, 'c', 1],
    reply: reply(),
  },
  {
    op: 'LINK',
    body: rows('4d00000000000000  oldnodeid', NAME_AB),
    fs: (note) => ({
      link(ino, newParent, newName, entry) {
        note(ino, newParent, str(newName));
        entryFields(entry);
      },
    }),
    seen: [77, 5, 'ab'],
    reply: reply(...ENTRY),
  },
  {
    op: 'ACCESS',
    body: rows('06000000 00000000  mask padding'),
    fs: (note) => ({access: (ino, mask) => note(ino, mask)}),
    seen: [5, 6],
    reply: reply(),
  },
  {
    op: 'STATX',
    body: rows(
      '01000000 00000000  getattr_flags reserved',
      '0900000000000000  fh',
      '00200000 ff0f0000  sx_flags sx_mask',
    ),
    fs: (note) => ({
      statx(ino, fh, mask, flags, answer) {
        note(ino, fh, mask, flags);
        Object.assign(answer, {mask: 0xfff, attributes: 0x10, attributesMask: 0x30, ino: 77, mode: 0o100644});
        Object.assign(answer, {nlink: 2, uid: 3, gid: 4, size: 5, blocks: 6, blksize: 7, rdevMajor: 8});
        Object.assign(answer, {rdevMinor: 9, devMajor: 10, devMinor: 11, atime: -1, btime: 12, ctime: 13});
        Object.assign(answer, {mtime: 14, atimensec: 15, btimensec: 16, ctimensec: 17, mtimensec: 18});
      },
    }),
    seen: [5, 9, 0xfff, 0x2000],
    reply: reply(
      '0100000000000000  attr_valid',
      '00000000 00000000  attr_valid_nsec flags',
      '0000000000000000  spare',
      '0000000000000000  spare',
      'ff0f0000 07000000  mask blksize',
      '1000000000000000  attributes',
      '02000000 03000000  nlink uid',
      '04000000 a481 0000  gid mode spare',
      '4d00000000000000  ino',
      '0500000000000000  size',
      '0600000000000000  blocks',
      '3000000000000000  attributes_mask',
      'ffffffffffffffff  atime',
      '0f000000 00000000  atime nsec',
      '0c00000000000000  btime',
      '10000000 00000000  btime nsec',
      '0d00000000000000  ctime',
      '11000000 00000000  ctime nsec',
      '0e00000000000000  mtime',
      '12000000 00000000  mtime nsec',
      '08000000 09000000  rdev_major rdev_minor',
      '0a000000 0b000000  dev_major dev_minor',
      ...new Array(14).fill('0000000000000000  spare'),
    ),
  },
];
