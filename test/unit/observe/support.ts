import {Asked} from '../../../src/observe/asked.js';
import type {Reply} from '../../../src/observe/body-check.js';
import type {Fault} from '../../../src/observe/faults.js';
import {Outstanding} from '../../../src/observe/outstanding.js';
import {ReplyCheck} from '../../../src/observe/reply-check.js';

/** A number at an offset of a body: 16, 32 or 64 bits wide. */
export type Put = readonly [at: number, value: number | bigint, bits?: 16 | 32 | 64];

/** A body of so many bytes, zeros but for what is put into it. */
export function body(size: number, ...puts: readonly Put[]): Buffer {
  const bytes = Buffer.alloc(size);
  for (const [at, value, bits = 32] of puts) {
    if (bits === 64) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at);
    else if (bits === 16) bytes.writeUInt16LE(Number(value), at);
    else bytes.writeUInt32LE(Number(value) >>> 0, at);
  }
  return bytes;
}

/** The same body with something else in it. */
export function changed(original: Buffer, ...puts: readonly Put[]): Buffer {
  const copy = Buffer.from(original);
  for (const [at, value, bits = 32] of puts) {
    body(copy.length, [at, value, bits]).copy(copy, at, at, at + bits / 8);
  }
  return copy;
}

/** A request: struct fuse_in_header of linux/fuse.h, 40 bytes, then its body. */
export function request(
  opcode: number,
  content: Buffer = Buffer.alloc(0),
  {unique = 8n, nodeid = 5n}: {unique?: bigint; nodeid?: bigint} = {},
): Buffer {
  const header = body(40, [0, 40 + content.length], [4, opcode], [8, unique, 64], [16, nodeid, 64]);
  return Buffer.concat([header, content]);
}

/** What a server writes: struct fuse_out_header, 16 bytes, then a body. */
export function written(
  content: Buffer,
  {unique = 8n, error = 0, length}: {unique?: bigint; error?: number; length?: number} = {},
): Buffer {
  const header = body(16, [0, length ?? 16 + content.length], [4, error], [8, unique, 64]);
  return Buffer.concat([header, content]);
}

/** A check with what it remembers. */
export class Judge {
  readonly outstanding: Outstanding = new Outstanding();
  readonly check: ReplyCheck = new ReplyCheck(this.outstanding);
  readonly corrected: Fault[] = [];

  constructor() {
    this.check.onCorrected = (fault) => this.corrected.push(fault);
  }

  /** The kernel asks something. */
  ask(bytes: Buffer): Asked {
    const asked = new Asked();
    asked.take(viewOf(bytes), bytes.length);
    this.outstanding.add(asked);
    return asked;
  }

  /** What becomes of what the server writes: `sound`, a fault that is answered with EIO, or one that is dropped. */
  judge(bytes: Buffer): {is: string; reply: Reply} {
    const room = new Uint8Array(Math.max(bytes.length, 64));
    room.set(bytes);
    const reply: Reply = {bytes: room, view: viewOf(room), length: bytes.length};
    const verdict = this.check.judge(reply);
    if (verdict.kind === 'nothing') return {is: `dropped: ${verdict.fault}`, reply};
    if (verdict.kind !== 'answer') return {is: verdict.kind, reply};
    this.outstanding.remove(verdict.asked);
    return {is: verdict.fault ?? 'sound', reply};
  }

  /** One request and one answer. */
  exchange(asked: Buffer, answer: Buffer): string {
    this.ask(asked);
    return this.judge(answer).is;
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
