import type {ErrnoCode} from '../sys/errno-codes.js';
import {type Field, type Struct, viewOf} from '../wire/index.js';
import {MAGIC, MAX_PACKET_SIZE, type PacketName} from './magic.js';
import {ProtocolError} from './protocol-error.js';

/** One kind of packet, in both directions. */
export interface PacketCodec<T> {
  readonly name: PacketName;
  readonly magic: number;
  /** Bytes before the text; the whole packet for one that carries no text. */
  readonly headerSize: number;
  /** Checks magic, size and terminator alone: what must hold before a field means anything. @throws ProtocolError */
  checkShape(packet: Uint8Array): void;
  /** Checks everything and gives the fields. @throws ProtocolError */
  decode(packet: Uint8Array): T;
  /** @throws ProtocolError for values that the other end would have to refuse. */
  encode(value: T): Uint8Array;
}

type HeaderFields = Record<string, Field<unknown>> & {magic: Field<number>};

interface CodecRules<T, V> {
  /** Turns the raw fields into the value; refuses padding, flags and ranges. */
  fromWire(raw: V, text: string): T;
  toWire(value: T): {fields: Partial<Omit<V, 'magic'>>; text?: string};
}

/** Magic of a packet of at least four bytes. */
export function magicOf(packet: Uint8Array): number {
  return viewOf(packet).getUint32(0);
}

const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const encoder = new TextEncoder();

/** The text between a packet's header and its NUL. The shape has been checked. */
function textOf(name: string, packet: Uint8Array, headerSize: number): string {
  try {
    return decoder.decode(packet.subarray(headerSize, packet.length - 1));
  } catch {
    throw new ProtocolError(name, 'encoding', 'EINVAL', 'text is not UTF-8');
  }
}

function checkMagic(name: PacketName, packet: Uint8Array): void {
  if (packet.length < 4) {
    throw new ProtocolError(name, 'size', 'EINVAL', 'no room for a magic', {length: packet.length});
  }
  const magic = magicOf(packet);
  if (magic !== MAGIC[name]) {
    throw new ProtocolError(name, 'magic', 'EINVAL', 'another packet came', {magic});
  }
}

/** A packet of one fixed size. */
export function fixedPacket<T, F extends HeaderFields>(
  name: PacketName,
  header: Struct<F>,
  rules: CodecRules<T, ReturnType<Struct<F>['read']>>,
): PacketCodec<T> {
  type Raw = ReturnType<Struct<F>['read']>;
  const checkShape = (packet: Uint8Array): void => {
    checkMagic(name, packet);
    if (packet.length !== header.size) {
      throw new ProtocolError(name, 'size', 'EINVAL', `wrong size, it must be ${header.size}`, {
        length: packet.length,
      });
    }
  };
  return {
    name,
    magic: MAGIC[name],
    headerSize: header.size,
    checkShape,
    decode(packet) {
      checkShape(packet);
      return rules.fromWire(header.read(viewOf(packet)) as Raw, '');
    },
    encode(value) {
      return header.encode({...rules.toWire(value).fields, magic: MAGIC[name]} as Partial<Raw>);
    },
  };
}

/**
 * A packet that ends with a text of at least one byte and exactly one NUL, its last byte. An empty text is
 * "too small" to libfuse's ends as well.
 */
export function textPacket<T, F extends HeaderFields>(
  name: PacketName,
  header: Struct<F>,
  rules: CodecRules<T, ReturnType<Struct<F>['read']>>,
): PacketCodec<T> {
  type Raw = ReturnType<Struct<F>['read']>;
  const smallest = header.size + 2;
  const checkShape = (packet: Uint8Array): void => {
    checkMagic(name, packet);
    if (packet.length < smallest || packet.length > MAX_PACKET_SIZE) {
      throw new ProtocolError(name, 'size', 'EINVAL', `wrong size, at least ${smallest} are needed`, {
        length: packet.length,
      });
    }
    if (packet.indexOf(0, header.size) !== packet.length - 1) {
      throw new ProtocolError(name, 'terminator', 'EINVAL', 'text must end with its only NUL', {
        length: packet.length,
      });
    }
  };
  return {
    name,
    magic: MAGIC[name],
    headerSize: header.size,
    checkShape,
    decode(packet) {
      checkShape(packet);
      return rules.fromWire(header.read(viewOf(packet)) as Raw, textOf(name, packet, header.size));
    },
    encode(value) {
      const {fields, text = ''} = rules.toWire(value);
      const bytes = encoder.encode(text);
      const packet = new Uint8Array(header.size + bytes.length + 1);
      header.write(viewOf(packet), 0, {...fields, magic: MAGIC[name]} as Partial<Raw>);
      packet.set(bytes, header.size);
      checkShape(packet);
      return packet;
    },
  };
}

/** The text of a packet whose shape has been checked. @throws ProtocolError `encoding` */
export function packetText(codec: PacketCodec<unknown>, packet: Uint8Array): string {
  return textOf(codec.name, packet, codec.headerSize);
}

/** Refuses flag bits outside `known`, naming them. Returns the flags. */
export function knownFlags(name: string, flags: number, known: number, errno: ErrnoCode = 'EINVAL'): number {
  const unknown = (flags & ~known) >>> 0;
  if (unknown !== 0) {
    throw new ProtocolError(name, 'flags', errno, `unknown flags 0x${unknown.toString(16)}`, {
      flags: unknown,
    });
  }
  return flags;
}

/** Refuses a padding field that is not zero. */
export function zeroPadding(name: string, padding: number): void {
  if (padding !== 0) throw new ProtocolError(name, 'padding', 'EINVAL', 'padding is not zero', {padding});
}
