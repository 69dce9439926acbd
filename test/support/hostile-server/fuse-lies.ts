import {readSync, writeSync} from 'node:fs';

/** How one kind of request is answered: with these bytes (hexadecimal), an errno, nothing ever, or as an honest server would. */
export type Lie =
  | {readonly body: string}
  | {readonly errno: number}
  /** Whole packets, each written so many times; `UNIQUE` in them stands for the id of the request. */
  | {readonly packets: ReadonlyArray<{readonly bytes: string; readonly times: number}>}
  | 'never'
  | 'honest';

/** What stands for the id of the request in a packet: 8 bytes of hexadecimal digits. */
export const UNIQUE = 'u'.repeat(16);

/** What a server does with the fuse device that it was given. */
export interface FuseLies {
  readonly init?: Lie;
  readonly getattr?: Lie;
  /** Answers to LOOKUP, by name. */
  readonly names?: Readonly<Record<string, Lie>>;
  /** Answers to other requests, by node and opcode. */
  readonly nodes?: Readonly<Record<number, Readonly<Record<number, Lie>>>>;
}

const FUSE_LOOKUP = 1;
const FUSE_GETATTR = 3;
const FUSE_INIT = 26;
const FUSE_DESTROY = 38;
/** FORGET and BATCH_FORGET, which have no answer. */
const WITHOUT_ANSWER: readonly number[] = [2, 42];
const ENOSYS = 38;

/**
 * Body of an answer to FUSE_INIT; offsets of struct fuse_init_out in linux/fuse.h.
 * @param major 7 is the only one that there is
 */
export function initBody(major = 7, minor = 31, maxWrite = 65_536): string {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(major, 0);
  body.writeUInt32LE(minor, 4);
  body.writeUInt32LE(65_536, 8);
  body.writeUInt32LE(maxWrite, 20);
  return body.toString('hex');
}

/** Body of an answer to FUSE_GETATTR; offsets of struct fuse_attr_out. */
export function attributeBody({mode = 0o040755, ino = 1n, size = 0n, blocks = 0n, links = 2}): string {
  const body = Buffer.alloc(104);
  body.writeBigUInt64LE(ino, 16);
  body.writeBigUInt64LE(size, 16 + 8);
  body.writeBigUInt64LE(blocks, 16 + 16);
  body.writeUInt32LE(mode, 16 + 60);
  body.writeUInt32LE(links, 16 + 64);
  return body.toString('hex');
}

/** Answers requests with lies until the device ends. */
export function serveLies(fd: number, {init = 'honest', getattr = 'honest', names, nodes}: FuseLies): void {
  const request = Buffer.alloc(1 << 20);
  for (;;) {
    let length: number;
    try {
      length = readSync(fd, request, 0, request.length, null);
      if (length === 0) return;
    } catch (error) {
      const {code} = error as {code?: string};
      if (code === 'EINTR' || code === 'ENOENT' || code === 'EAGAIN') continue;
      return;
    }
    const opcode = request.readUInt32LE(4);
    const unique = request.readBigUInt64LE(8);
    const special =
      opcode === FUSE_LOOKUP
        ? names?.[request.toString('latin1', 40, length - 1)]
        : nodes?.[Number(request.readBigUInt64LE(16))]?.[opcode];
    if (special !== undefined) tell(fd, unique, special, '');
    else if (opcode === FUSE_INIT) tell(fd, unique, init, initBody());
    else if (opcode === FUSE_GETATTR) tell(fd, unique, getattr, attributeBody({}));
    // A server that does not answer anything else does not answer this either.
    else if (opcode === FUSE_DESTROY) tell(fd, unique, getattr === 'never' ? 'never' : 'honest', '');
    else if (!WITHOUT_ANSWER.includes(opcode)) tell(fd, unique, {errno: ENOSYS}, '');
  }
}

function tell(fd: number, unique: bigint, lie: Lie, honest: string): void {
  if (lie === 'never') return;
  if (lie !== 'honest' && 'packets' in lie) {
    for (const {bytes, times} of lie.packets) flood(fd, unique, bytes, times);
    return;
  }
  const errno = lie !== 'honest' && 'errno' in lie ? lie.errno : 0;
  const body = Buffer.from(lie === 'honest' ? honest : 'body' in lie ? lie.body : '', 'hex');
  const reply = Buffer.alloc(16 + body.length);
  reply.writeUInt32LE(reply.length, 0);
  reply.writeInt32LE(-errno, 4);
  reply.writeBigUInt64LE(unique, 8);
  body.copy(reply, 16);
  try {
    writeSync(fd, reply);
  } catch {
    // The kernel refuses what is malformed; the request then waits on.
  }
}

function flood(fd: number, unique: bigint, bytes: string, times: number): void {
  const id = Buffer.alloc(8);
  id.writeBigUInt64LE(unique);
  const packet = Buffer.from(bytes.replaceAll(UNIQUE, id.toString('hex')), 'hex');
  try {
    for (let sent = 0; sent < times; sent++) writeSync(fd, packet);
  } catch {
    // As above.
  }
}
