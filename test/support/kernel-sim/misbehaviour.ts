import type {Random} from '../random.js';
import {OPF} from './bits.js';
import {OP, WITHOUT_ANSWER} from './opcodes.js';
import {beginIn, configIn, endIn, ioendIn, mapping as layout} from './structs.js';

/** A request that no sound kernel sends, or not at this time. */
export interface OddRequest {
  readonly opcode: number;
  readonly nodeid: bigint;
  readonly body: Uint8Array;
}

/** What there is to ask about. */
export interface OddGround {
  /** Node ids that exist, of files and of directories, with the inode number in their attributes. */
  readonly nodes: ReadonlyArray<{readonly nodeid: bigint; readonly attrIno: bigint}>;
}

const NUMBERS = [
  0n,
  1n,
  511n,
  512n,
  4095n,
  4096n,
  4097n,
  65_536n,
  1n << 32n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 63n) - 4096n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 4096n,
  (1n << 64n) - 1n,
] as const;

const OPFLAGS = [
  0,
  OPF.WRITE,
  OPF.ZERO,
  OPF.REPORT,
  OPF.DIRECT,
  OPF.WRITE | OPF.DIRECT,
  OPF.WRITE | OPF.DIRECT | OPF.NOWAIT | OPF.OVERWRITE_ONLY,
  OPF.WRITE | OPF.DIRECT | OPF.ATOMIC,
  OPF.UNSHARE,
  OPF.SWAPFILE | OPF.REPORT,
  OPF.WRITEBACK,
  OPF.FAULT | OPF.WRITE,
  OPF.WRITEBACK | OPF.DIRECT,
  1 << 11,
  1 << 29,
  0xffff_ffff,
] as const;

/** Opcodes round the last of iomap, and such as were never given out. CUSE's and DESTROY, which end a connection, are not among them. */
const STRANGE_OPCODES = [0, 7, 19, 54, 100, 4085, 4086, 4087, 4088, 4097, 0x7fff_ffff, 0xffff_ffff] as const;
const KNOWN = [
  OP.LOOKUP,
  OP.FORGET,
  OP.GETATTR,
  OP.OPEN,
  OP.READ,
  OP.STATFS,
  OP.RELEASE,
  OP.FSYNC,
  OP.INIT,
  OP.BATCH_FORGET,
  OP.READDIRPLUS,
  OP.LSEEK,
  OP.SYNCFS,
  OP.UNFREEZE_FS,
  OP.IOMAP_CONFIG,
  OP.IOMAP_IOEND,
  OP.IOMAP_BEGIN,
  OP.IOMAP_END,
] as const;
const LONGEST_BODY = 120;

/** Any position or length: of those that stand on an edge, beside one, or anywhere in the first MiB. */
function number(random: Random): bigint {
  switch (random.below(3)) {
    case 0:
      return random.pick(NUMBERS);
    case 1:
      return BigInt(random.below(1 << 20));
    default:
      return BigInt(random.below(256)) * 4096n;
  }
}

function node(random: Random, {nodes}: OddGround): {nodeid: bigint; attrIno: bigint} {
  const known = random.pick(nodes);
  switch (random.below(8)) {
    case 0:
      return {nodeid: random.pick(NUMBERS), attrIno: known.attrIno};
    case 1:
      return {nodeid: known.nodeid, attrIno: random.pick(NUMBERS)};
    case 2:
      return {nodeid: random.pick(nodes).nodeid, attrIno: known.attrIno};
    default:
      return known;
  }
}

function begin(random: Random, ground: OddGround): OddRequest {
  const {nodeid, attrIno} = node(random, ground);
  const opflags = random.pick(OPFLAGS) >>> 0;
  const reserved = random.below(8) === 0 ? random.u32() : 0;
  const body = beginIn.encode({opflags, reserved, attrIno, pos: number(random), count: number(random)});
  return {opcode: OP.IOMAP_BEGIN, nodeid, body};
}

function end(random: Random, ground: OddGround): OddRequest {
  const {nodeid, attrIno} = node(random, ground);
  const body = new Uint8Array(endIn.size + layout.size);
  const view = new DataView(body.buffer);
  endIn.write(view, 0, {
    opflags: random.pick(OPFLAGS) >>> 0,
    attrIno,
    pos: number(random),
    count: number(random),
    written: random.below(1 << 20) - (1 << 19),
  });
  layout.write(view, endIn.size, {
    offset: number(random),
    length: number(random),
    addr: number(random),
    type: random.pick([0, 1, 2, 3, 4, 9, 253, 254, 255, 65_535]),
    flags: random.below(1 << 16),
    dev: random.pick([0, 1, 2, 99, 0xffff_ffff]),
  });
  return {opcode: OP.IOMAP_END, nodeid, body};
}

function ioend(random: Random, ground: OddGround): OddRequest {
  const {nodeid, attrIno} = node(random, ground);
  const body = ioendIn.encode({
    flags: random.pick([0, 2, 4, 16, 2 | 16 | 32, 64, 1 << 9, 0xffff_ffff]),
    error: random.pick([0, 0, 0, -5, -28, 5, -4096, -(2 ** 31)]),
    attrIno,
    pos: number(random),
    newAddr: number(random),
    written: number(random),
    dev: random.pick([0, 1, 7]),
  });
  // Of the length of another version now and then.
  return {opcode: OP.IOMAP_IOEND, nodeid, body: random.below(6) === 0 ? body.subarray(0, 40) : body};
}

/** The next thing that a misbehaving kernel does. */
export function oddRequest(random: Random, ground: OddGround): OddRequest {
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return begin(random, ground);
    case 4:
      return end(random, ground);
    case 5:
      return ioend(random, ground);
    case 6: {
      const body = configIn.encode({
        flags: number(random),
        maxbytes: number(random),
        cacheMaxbytes: random.u32(),
      });
      return {opcode: OP.IOMAP_CONFIG, nodeid: 0n, body};
    }
    case 7: {
      const {nodeid} = node(random, ground);
      return {opcode: random.pick(STRANGE_OPCODES), nodeid, body: random.bytes(random.below(LONGEST_BODY))};
    }
    default: {
      // A body that is cut short, too long, or of something else.
      const {nodeid} = node(random, ground);
      return {opcode: random.pick(KNOWN), nodeid, body: random.bytes(random.below(LONGEST_BODY))};
    }
  }
}

/** Whether a request is to be answered. */
export function isAnswered({opcode}: OddRequest): boolean {
  return !WITHOUT_ANSWER.has(opcode);
}
