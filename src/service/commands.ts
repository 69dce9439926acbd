import {struct, u16, u32} from '../wire/index.js';
import {checkErrno} from './file.js';
import type {PacketName} from './magic.js';
import {fixedPacket, knownFlags, type PacketCodec, textPacket, zeroPadding} from './packet.js';
import {ProtocolError} from './protocol-error.js';

/** File-type bits of st_mode (inode(7)), as MNTP's expected_fmt carries them. */
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;

/** What a server expects its mount point to be. */
export type MountPointFormat = 'any' | 'directory' | 'file';
const FORMATS = new Map<number, MountPointFormat>([
  [0, 'any'],
  [S_IFDIR, 'directory'],
  [S_IFREG, 'file'],
]);
const FORMAT_BITS: Readonly<Record<MountPointFormat, number>> = {any: 0, directory: S_IFDIR, file: S_IFREG};

/** TYPE flag: mount as fuseblk. */
export const FSOPEN_FUSEBLK = 1 << 0;

/** REPL: how the last command went. */
export const reply = fixedPacket('REPL', struct('REPL', 'be', 8, {magic: u32, error: u32}), {
  /** `error` is a positive errno, 0 for success. */
  fromWire: (raw): {error: number} => ({error: checkErrno('REPL', raw.error)}),
  toWire: ({error}) => ({fields: {error}}),
});

/** TYPE: the kind of mount. */
export const fsopen = fixedPacket('TYPE', struct('TYPE', 'be', 8, {magic: u32, flags: u32}), {
  fromWire(raw): {fuseblk: boolean} {
    return {fuseblk: (knownFlags('TYPE', raw.flags, FSOPEN_FUSEBLK) & FSOPEN_FUSEBLK) !== 0};
  },
  toWire: ({fuseblk}) => ({fields: {flags: fuseblk ? FSOPEN_FUSEBLK : 0}}),
});

function stringCommand(name: PacketName): PacketCodec<{value: string}> {
  return textPacket(name, struct(name, 'be', 4, {magic: u32}), {
    fromWire: (_raw, value) => ({value}),
    toWire: ({value}) => ({fields: {}, text: value}),
  });
}

/** NAME: the source shown in the mount table. */
export const source = stringCommand('NAME');
/** OPTS: comma-separated options for the kernel's file system. */
export const mountOptions = stringCommand('OPTS');
/** MTAB: comma-separated options for /etc/mtab. */
export const mtabOptions = stringCommand('MTAB');

/** MNTP: where to mount, as the caller wrote it, and what must be there. */
export const mountPoint = textPacket(
  'MNTP',
  struct('MNTP', 'be', 8, {magic: u32, expectedFormat: u16, padding: u16}),
  {
    fromWire(raw, path): {path: string; expected: MountPointFormat} {
      zeroPadding('MNTP', raw.padding);
      const expected = FORMATS.get(raw.expectedFormat);
      if (expected === undefined) {
        throw new ProtocolError('MNTP', 'value', 'EINVAL', 'a mount point is a directory or a regular file', {
          expectedFormat: raw.expectedFormat,
        });
      }
      return {path, expected};
    },
    toWire: ({path, expected}) => ({fields: {expectedFormat: FORMAT_BITS[expected]}, text: path}),
  },
);

/** DOIT: mount now. Which MS_* bits (mount(2)) are welcome is the helper's policy, not the layout's. */
export const mountNow = fixedPacket('DOIT', struct('DOIT', 'be', 8, {magic: u32, flags: u32}), {
  fromWire: (raw): {flags: number} => ({flags: raw.flags}),
  toWire: ({flags}) => ({fields: {flags: flags >>> 0}}),
});

/** BYEE: the server's exit code; it gets no reply. */
export const goodbye = fixedPacket('BYEE', struct('BYEE', 'be', 8, {magic: u32, exitCode: u32}), {
  fromWire: (raw): {exitCode: number} => ({exitCode: raw.exitCode}),
  toWire: ({exitCode}) => ({fields: {exitCode}}),
});

/** `optional` never fails; `mandatory` answers with the errno if the kernel refused. */
export type IomapMode = 'optional' | 'mandatory';
/** IOMA's modes, `P?` and `P!` in ASCII. */
const IOMAP_MODES = new Map<number, IomapMode>([
  [0x503f, 'optional'],
  [0x5021, 'mandatory'],
]);

/** IOMA: pre-approve iomap on the fuse descriptor (extension). */
export const iomap = fixedPacket('IOMA', struct('IOMA', 'be', 8, {magic: u32, mode: u16, padding: u16}), {
  fromWire(raw): {mode: IomapMode} {
    zeroPadding('IOMA', raw.padding);
    const mode = IOMAP_MODES.get(raw.mode);
    if (mode === undefined)
      throw new ProtocolError('IOMA', 'value', 'EINVAL', 'no such mode', {mode: raw.mode});
    return {mode};
  },
  toWire: ({mode}) => ({fields: {mode: mode === 'optional' ? 0x503f : 0x5021}}),
});
