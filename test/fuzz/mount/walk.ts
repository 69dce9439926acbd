import {accessSync, closeSync, constants, fstatSync, openSync, readlinkSync, readSync} from 'node:fs';
import {errnoCode} from '../../../src/sys/errno-codes.js';
import {
  cString,
  getdents,
  IOCTL,
  ioctl,
  lgetxattr,
  llistxattr,
  lseek,
  type RawDirent,
  SEEK,
  type Statx,
  statfs,
  statx,
  xattrSize,
} from '../../support/posix.js';
import type {Random} from '../../support/random.js';
import {OPERATIONS, type Operation, type Progress} from './progress.js';

/** What is asked of one mount at most. */
const MAX_FILES = 160;
const MAX_CHILDREN = 40;
const MAX_DEPTH = 24;
const MAX_SEEKS = 24;
const MAX_XATTRS = 12;
/** A walk that takes longer than this ends, which is no failure: single operations have their own limit. */
const WALK_MS = 2_500;

const S_IFMT = 0o170000;
const FIBMAP = 1;
const FIEMAP = 0xc020660b;
const O_DIRECT = 0o40000;

/** No image may cause these: the server is gone, or the kernel did not take its answer. */
const FINDINGS: readonly string[] = ['ENOTCONN', 'ECONNABORTED', 'EIO', 'EPROTO', 'EFAULT', 'ENOMEM'];

export interface WalkResult {
  /** Operations that gave an answer, and those that failed as they may. */
  answers: number;
  errors: number;
  /** Error codes with how often they came. */
  codes: Record<string, number>;
  /** What no image may cause. */
  findings: string[];
}

type Attempt = <T>(kind: Operation, path: Buffer, action: () => T) => T | undefined;

/** Does everything to a mounted file system that a program may do to one that is read-only. */
export function walk(root: string, random: Random, progress: Progress): WalkResult {
  const result: WalkResult = {answers: 0, errors: 0, codes: {}, findings: []};
  const until = Date.now() + WALK_MS;
  const attempt: Attempt = (kind, path, action) => {
    progress.begin(OPERATIONS.indexOf(kind));
    try {
      const value = action();
      result.answers++;
      return value;
    } catch (error) {
      const code = codeOf(error);
      result.errors++;
      result.codes[code] = (result.codes[code] ?? 0) + 1;
      if (FINDINGS.includes(code) || !/^E[A-Z0-9]+$/.test(code)) {
        if (result.findings.length < 5)
          result.findings.push(`${kind} of ${path.toString('latin1')}: ${code}`);
      }
      return undefined;
    } finally {
      progress.end();
    }
  };
  const queue: Array<{path: Buffer; depth: number}> = [{path: Buffer.from(root), depth: 0}];
  for (let files = 0; files < MAX_FILES && Date.now() < until; files++) {
    // From either end, so that neither a deep nor a broad tree takes it all.
    const next = random.below(2) === 0 ? queue.shift() : queue.pop();
    if (next === undefined) break;
    const children = visit(next.path, attempt, random, result);
    if (next.depth === MAX_DEPTH) continue;
    for (const name of children) queue.push({path: below(next.path, name), depth: next.depth + 1});
  }
  attempt('statfs', Buffer.from(root), () => statfs(root));
  return result;
}

/** The symbolic name of an error number; node:fs does not know all of them. */
function codeOf(error: unknown): string {
  const {code, errno} = error as {code?: string; errno?: number};
  if (typeof errno === 'number') return errnoCode(-errno) ?? `${code}`;
  return code ?? String(error);
}

function below(path: Buffer, name: Buffer): Buffer {
  return Buffer.concat([path, Buffer.from('/'), name]);
}

/** Asks everything about one file. @returns names in it that are to be followed */
function visit(path: Buffer, attempt: Attempt, random: Random, result: WalkResult): Buffer[] {
  const stat = attempt('stat', path, () => statx(cString(path)));
  if (stat === undefined) return [];
  attributes(path, attempt);
  switch (stat.mode & S_IFMT) {
    case constants.S_IFDIR:
      return directory(path, attempt, random);
    case constants.S_IFREG:
      content(path, stat, attempt, random, result);
      return [];
    case constants.S_IFLNK:
      attempt('readlink', path, () => readlinkSync(path, 'buffer'));
      return [];
    default:
      // A pipe would wait for a writer, and a device is somebody else's.
      return [];
  }
}

function attributes(path: Buffer, attempt: Attempt): void {
  attempt('listxattr', path, () => xattrSize(cString(path), null, 0));
  const names = attempt('listxattr', path, () => llistxattr(cString(path))) ?? [];
  for (const name of [...names.slice(0, MAX_XATTRS), 'user.none', 'system.posix_acl_access'])
    attempt('getxattr', path, () => lgetxattr(cString(path), name));
}

function directory(path: Buffer, attempt: Attempt, random: Random): Buffer[] {
  const fd = attempt('open', path, () => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
  if (fd === undefined) return [];
  let entries: RawDirent[] = [];
  try {
    const size = random.pick([512, 4096, 65_536, 262_144]);
    entries = attempt('getdents', path, () => getdents(fd, size)) ?? [];
    const from = entries.length === 0 ? 0n : random.pick(entries).offset;
    attempt('getdents', path, () => {
      lseek(fd, from, SEEK.SET);
      getdents(fd, size);
    });
    flags(fd, path, attempt);
  } finally {
    closeSync(fd);
  }
  for (const name of ['absent', 'n'.repeat(255), `none${random.u32()}`])
    attempt('lookup', path, () => statx(cString(below(path, Buffer.from(name)))));
  const names = entries.map(({name}) => name).filter((name) => !/^\.\.?$/.test(name.toString('latin1')));
  const first = random.below(Math.max(1, names.length - MAX_CHILDREN));
  return names.slice(first, first + MAX_CHILDREN);
}

function flags(fd: number, path: Buffer, attempt: Attempt): void {
  const argument = Buffer.alloc(264);
  for (const request of [IOCTL.GETFLAGS, IOCTL.FSGETXATTR, IOCTL.GETVERSION, IOCTL.GETFSLABEL])
    attempt('ioctl', path, () => ioctl(fd, request, argument));
}

const buffer = Buffer.alloc(1 << 17);

function content(path: Buffer, stat: Statx, attempt: Attempt, random: Random, result: WalkResult): void {
  const writable = attempt('open for writing', path, () => openSync(path, constants.O_RDWR));
  if (writable !== undefined) {
    closeSync(writable);
    result.findings.push(`open for writing of ${path.toString('latin1')}: allowed`);
  }
  attempt('access', path, () => accessSync(path, constants.R_OK));
  const fd = attempt('open', path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  if (fd === undefined) return;
  const {size} = stat;
  try {
    attempt('fstat', path, () => fstatSync(fd));
    const length = random.pick([1, 4096, 65_536, buffer.length]);
    for (const position of [
      0,
      Math.floor(size / 2),
      size - 1,
      size - 4096,
      size,
      random.below(Math.min(size, 2 ** 32) || 1),
    ])
      if (position >= 0) attempt('read', path, () => readSync(fd, buffer, 0, length, position));
    attempt('read', path, () => readSync(fd, buffer, 0, 512, 2 ** 43));
    let at = 0;
    for (let i = 0; i < MAX_SEEKS && at < size; i++) {
      const from = at;
      const whence = i % 2 === 0 ? SEEK.DATA : SEEK.HOLE;
      const next = attempt('seek', path, () => lseek(fd, from, whence));
      if (next === undefined) break;
      at = next;
    }
    flags(fd, path, attempt);
    for (const request of [FIBMAP, FIEMAP])
      attempt('ioctl', path, () => ioctl(fd, request, Buffer.alloc(264)));
  } finally {
    closeSync(fd);
  }
  const direct = attempt('open', path, () => openSync(path, constants.O_RDONLY | O_DIRECT));
  if (direct === undefined) return;
  try {
    for (const position of [0, Math.floor(size / 8192) * 4096])
      attempt('direct read', path, () => readSync(direct, buffer, 0, 16_384, position));
  } finally {
    closeSync(direct);
  }
}
