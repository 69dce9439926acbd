import type {FileSystem} from '../../../src/fuse/index.js';
import {
  type FailedRequest,
  OPCODE,
  type OpcodeName,
  Session,
  type SessionHooks,
  type SessionOptions,
} from '../../../src/fuse/index.js';

/** Bytes from rows of hex, each followed by the names of its fields: `'0100000000000000  fh'`. */
export function rows(...lines: string[]): Uint8Array {
  const hex = lines.map((line) => (line.split(/\s{2,}/)[0] ?? '').replaceAll(' ', '')).join('');
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** Bytes as rows of eight, for comparison that can be read when it fails. */
export function toRows(bytes: Uint8Array): string[] {
  const hex = Buffer.from(bytes).toString('hex');
  return hex.match(/.{1,16}/g) ?? [];
}

export const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));

/** What INIT of Linux 6.18 says: 7.45, read-ahead 131072, flags 0x73fffffb, flags2 0x000007fd. */
export const INIT_BODY: Uint8Array = rows(
  '07000000 2d000000  major minor',
  '00000200 fbffff73  max_readahead flags',
  'fd070000 00000000  flags2 unused',
  ...new Array(5).fill('00000000 00000000  unused'),
);

const NO_EXTENSION: Uint8Array = new Uint8Array(0);

/** A whole request. The caller is uid 1000, gid 100, pid 4242. */
export function request(
  opcode: OpcodeName | number,
  body: Uint8Array = new Uint8Array(0),
  {nodeid = 5n, unique = 6n, extension = NO_EXTENSION} = {},
): Uint8Array {
  const bytes = new Uint8Array(40 + body.length + extension.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(4, typeof opcode === 'number' ? opcode : OPCODE[opcode], true);
  view.setBigUint64(8, unique, true);
  view.setBigUint64(16, nodeid, true);
  view.setUint32(24, 1000, true);
  view.setUint32(28, 100, true);
  view.setUint32(32, 4242, true);
  view.setUint16(36, extension.length / 8, true);
  bytes.set(body, 40);
  bytes.set(extension, 40 + body.length);
  return bytes;
}

/** A session whose replies and complaints are kept. */
export class Harness {
  readonly session: Session;
  readonly replies: Uint8Array[] = [];
  readonly errors: Array<{error: unknown; request: FailedRequest}> = [];

  constructor(
    fs: FileSystem,
    options: SessionOptions = {},
    hooks: SessionHooks = {},
    {init = INIT_BODY}: {init?: Uint8Array | null} = {},
  ) {
    this.session = new Session(fs, options, {
      onError: (error, failed) => this.errors.push({error, request: failed}),
      ...hooks,
    });
    if (init !== null) {
      this.send(request('INIT', init, {nodeid: 0n, unique: 2n}));
      this.replies.length = 0;
    }
  }

  /** Hands over the bytes of one request. */
  send(bytes: Uint8Array, mayWait = true): void {
    const slot = this.session.acquire();
    if (slot === undefined) throw new Error('no slot');
    slot.request.set(bytes);
    this.session.handle(
      slot,
      bytes.length,
      (reply, length) => this.replies.push(reply.slice(0, length)),
      mayWait,
    );
  }

  /** Hands over one request and takes its only reply. */
  ask(bytes: Uint8Array, mayWait = true): Uint8Array {
    this.replies.length = 0;
    this.send(bytes, mayWait);
    if (this.replies.length !== 1) throw new Error(`${this.replies.length} replies`);
    return this.replies[0]!;
  }

  /** The error of the only reply to a request: 0 or a positive errno. */
  errnoOf(bytes: Uint8Array): number {
    const reply = this.ask(bytes);
    return 0 - new DataView(reply.buffer).getInt32(4, true);
  }
}

/** A reply: out header for request 6 and these rows. */
export function reply(...lines: string[]): string[] {
  const body = rows(...lines);
  const header = new Uint8Array(16);
  const view = new DataView(header.buffer);
  view.setUint32(0, 16 + body.length, true);
  view.setBigUint64(8, 6n, true);
  return toRows(Uint8Array.from([...header, ...body]));
}

/** The reply that only carries an error, to request 6. */
export function errorReply(errno: number): string[] {
  const header = new Uint8Array(16);
  const view = new DataView(header.buffer);
  view.setUint32(0, 16, true);
  view.setInt32(4, -errno, true);
  view.setBigUint64(8, 6n, true);
  return toRows(header);
}
