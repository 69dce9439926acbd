import {struct, u32} from '../wire/index.js';
import type {PacketName} from './magic.js';
import {knownFlags, type PacketCodec, textPacket} from './packet.js';
import {ProtocolError} from './protocol-error.js';

/** OPEN/BDEV request flag: the helper prints no complaint when it can't open the file. */
export const OPEN_QUIET = 1 << 0;
/** OPEN request flag of the extension: a regular file is to come as a loop device if possible. */
export const OPEN_TRYLOOP = 1 << 1;

/** A server's wish for a file: OPEN or BDEV. */
export interface OpenRequest {
  /** open(2) flags, O_* of the machine. */
  openFlags: number;
  /** Permission bits for a file that would be created. */
  createMode: number;
  quiet: boolean;
  tryLoop: boolean;
  /** Block size for the device in bytes, 0 to leave it alone. */
  blockSize: number;
  path: string;
}

const openHeader = struct('OPEN', 'be', 20, {
  magic: u32,
  openFlags: u32,
  createMode: u32,
  requestFlags: u32,
  blockSize: u32,
});

/**
 * OPEN and BDEV have one layout. `known` are the request flags of the conversation as it stands: without the
 * extension TRYLOOP is as unknown as any other bit.
 */
function openPacket(name: PacketName, known: number): PacketCodec<OpenRequest> {
  return textPacket(name, openHeader, {
    fromWire(raw, path): OpenRequest {
      const flags = knownFlags(name, raw.requestFlags, known);
      return {
        openFlags: raw.openFlags,
        createMode: raw.createMode,
        quiet: (flags & OPEN_QUIET) !== 0,
        tryLoop: (flags & OPEN_TRYLOOP) !== 0,
        blockSize: raw.blockSize,
        path,
      };
    },
    toWire({openFlags, createMode, quiet, tryLoop, blockSize, path}) {
      const requestFlags = (quiet ? OPEN_QUIET : 0) | (tryLoop ? OPEN_TRYLOOP : 0);
      return {
        fields: {
          openFlags: openFlags >>> 0,
          createMode,
          requestFlags: knownFlags(name, requestFlags, known),
          blockSize,
        },
        text: path,
      };
    },
  });
}

/** OPEN as libfuse knows it. */
export const openFile = openPacket('OPEN', OPEN_QUIET);
/** OPEN once both ends turned out to be fuseward's. */
export const openFileExtended = openPacket('OPEN', OPEN_QUIET | OPEN_TRYLOOP);
/** BDEV: the extension adds nothing to it. */
export const openBlockDevice = openPacket('BDEV', OPEN_QUIET);

/** The answer to OPEN and BDEV; also how the helper hands over the arguments and the fuse device. */
export interface FileAnswer {
  /** Positive errno; 0 means that a descriptor is attached. */
  error: number;
  /** The path as it was asked for; `?` when the question could not be read. */
  path: string;
}

/** Largest error number the kernel has (MAX_ERRNO of linux/err.h). */
const MAX_ERRNO = 4095;

/** Refuses an error number that no kernel makes. */
export function checkErrno(name: string, error: number): number {
  if (error > MAX_ERRNO) throw new ProtocolError(name, 'value', 'EBADMSG', 'no such error number', {error});
  return error;
}

/** FILE. */
export const fileAnswer = textPacket('FILE', struct('FILE', 'be', 8, {magic: u32, error: u32}), {
  fromWire: (raw, path): FileAnswer => ({error: checkErrno('FILE', raw.error), path}),
  toWire: ({error, path}) => ({fields: {error}, text: path}),
});
