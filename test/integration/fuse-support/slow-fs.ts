import {type FileSystem, FOPEN_DIRECT_IO, failure, S_IFDIR, S_IFREG} from '../../../src/fuse/index.js';

export interface SlowState {
  /** Reads that have not been answered. */
  waiting: number;
  /** Reads that ended by an interrupt. */
  aborted: number;
  /** Reads that came a second time, as if for another server. */
  resent: number;
  /** Lets the reads that wait go on. */
  readonly release: Array<() => void>;
}

const SLOW = 2;
const DEAF = 3;
const NODES: Readonly<Record<string, number>> = {slow: SLOW, deaf: DEAF};

/**
 * A file `slow` whose reads take until they are let go or interrupted, and a file `deaf` whose attributes are found but never told again. The
 * kernel keeps nothing and asks for each look.
 */
export function slowFs(state: SlowState): FileSystem {
  return {
    lookup(_parent, name, entry) {
      const node = NODES[Buffer.from(name).toString()];
      if (node === undefined) throw failure('ENOENT');
      entry.nodeid = node;
      entry.entryValid = 0;
      entry.attrValid = 0;
      entry.attr.mode = S_IFREG | 0o644;
      entry.attr.size = 4;
    },
    async getattr(ino, _fh, reply) {
      await (ino === DEAF ? new Promise(() => {}) : Promise.resolve());
      reply.attrValid = 0;
      reply.attr.mode = ino === 1 ? S_IFDIR | 0o755 : S_IFREG | 0o644;
      reply.attr.size = ino === 1 ? 0 : 4;
    },
    open(_ino, _flags, reply) {
      reply.flags = FOPEN_DIRECT_IO;
    },
    async read(_ino, _fh, offset, target, ctx) {
      if (offset > 0) return 0;
      state.waiting++;
      if (ctx.resent) state.resent++;
      try {
        await new Promise<void>((resolve, reject) => {
          state.release.push(resolve);
          ctx.signal.addEventListener('abort', () => {
            state.aborted++;
            reject(failure('EINTR'));
          });
        });
      } finally {
        state.waiting--;
      }
      target.set(Buffer.from('done'));
      return 4;
    },
  };
}
