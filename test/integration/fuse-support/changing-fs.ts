import {type FileSystem, FOPEN_KEEP_CACHE, fail, failure, S_IFDIR, S_IFREG} from '../../../src/fuse/index.js';

/** What the main thread changes behind the kernel's back. */
export type Switches = Int32Array;
/** Whether the name `there` exists (1) or not (0). */
export const EXISTS = 0;
/** The digit that fills `data`. */
export const DIGIT = 1;
export const DATA_SIZE = 8192;
/** Node ids of `data`, `there` and `dir`. */
export const DATA = 2;
export const THERE = 3;
export const DIR = 4;

export function makeSwitches(): Switches {
  const switches = new Int32Array(new SharedArrayBuffer(64));
  switches[EXISTS] = 1;
  return switches;
}

/** Two files and a directory that change without a request; the kernel may keep everything for an hour. */
export function changingFs(switches: Switches): FileSystem {
  const modeOf = (ino: number): number => (ino === 1 || ino === DIR ? S_IFDIR | 0o755 : S_IFREG | 0o644);
  const names = new Map([
    ['data', DATA],
    ['there', THERE],
    ['dir', DIR],
  ]);
  return {
    lookup(_parent, name, entry) {
      const ino = names.get(Buffer.from(name).toString()) ?? fail('ENOENT');
      if (ino === THERE && Atomics.load(switches, EXISTS) === 0) throw failure('ENOENT');
      entry.nodeid = ino;
      entry.entryValid = 3600;
      entry.attrValid = 3600;
      entry.attr.mode = modeOf(ino);
      entry.attr.size = ino === DATA ? DATA_SIZE : 0;
    },
    getattr(ino, _fh, reply) {
      reply.attrValid = 3600;
      reply.attr.mode = modeOf(ino);
      reply.attr.size = ino === DATA ? DATA_SIZE : 0;
    },
    open(_ino, _flags, reply) {
      reply.flags = FOPEN_KEEP_CACHE;
    },
    read(_ino, _fh, offset, target) {
      const length = Math.max(0, Math.min(target.length, DATA_SIZE - offset));
      target.fill(0x30 + Atomics.load(switches, DIGIT), 0, length);
      return length;
    },
  };
}
