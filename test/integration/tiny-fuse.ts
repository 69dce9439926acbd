import {readSync, writeSync} from 'node:fs';

/** What is slow or different about the answers. */
export interface TinyFuse {
  /** The root is a regular file. */
  readonly isFile?: boolean;
  /** How long FUSE_INIT waits for its answer. */
  readonly delayInitMs?: number;
}

/**
 * Answers just enough FUSE for a stat of the root, until the mount is gone: with offsets of linux/fuse.h written out, struct
 * fuse_in_header 40 bytes and struct fuse_out_header 16.
 * @returns exit code: 0 for ENODEV, which is how an unmount shows
 */
export function serveTinyFuse(fd: number, {isFile = false, delayInitMs = 0}: TinyFuse = {}): number {
  const request = Buffer.alloc(1 << 20);
  const answer = (unique: bigint, error: number, body: Buffer = Buffer.alloc(0)): void => {
    const reply = Buffer.alloc(16 + body.length);
    reply.writeUInt32LE(reply.length, 0);
    reply.writeInt32LE(-error, 4);
    reply.writeBigUInt64LE(unique, 8);
    body.copy(reply, 16);
    writeSync(fd, reply);
  };
  for (;;) {
    try {
      readSync(fd, request, 0, request.length, null);
    } catch (error) {
      const {code} = error as {code?: string};
      if (code === 'EINTR' || code === 'ENOENT' || code === 'EAGAIN') continue;
      return code === 'ENODEV' ? 0 : 1;
    }
    const opcode = request.readUInt32LE(4);
    const unique = request.readBigUInt64LE(8);
    if (opcode === 26) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayInitMs);
      try {
        answer(unique, 0, initReply());
      } catch {
        // Nobody waits for it any more; the next read tells why.
      }
    } else if (opcode === 3) answer(unique, 0, rootAttributes(isFile));
    else if (opcode === 38) answer(unique, 0);
    else if (opcode !== 2 && opcode !== 42) answer(unique, 38);
  }
}

function initReply(): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(31, 4);
  body.writeUInt32LE(65536, 8); // max_readahead
  body.writeUInt32LE(65536, 20); // max_write
  return body;
}

function rootAttributes(isFile: boolean): Buffer {
  const body = Buffer.alloc(104);
  body.writeBigUInt64LE(1n, 16); // ino
  body.writeUInt32LE(isFile ? 0o100644 : 0o040755, 16 + 60); // mode
  body.writeUInt32LE(2, 16 + 64); // nlink
  return body;
}
