/**
 * What the mount helper and the relay that it starts (`server.observe`) say to each other, one packet each:
 *
 * | packet | from | with |
 * | --- | --- | --- |
 * | `hand` | helper | descriptors: /dev/fuse, one end of the server's socket, and perhaps a socket to listen on for managers |
 * | `ready` | relay | how it has locked itself down; it has read nothing of the server's yet |
 * | `begin` | helper | the mount exists, as this type: requests may be read |
 * | `begun` | relay | the kernel's first request is waiting on the server's socket, as it would on the device of a mount just made |
 *
 * A helper that goes before `begin` takes the relay with it; after that the mount decides.
 */

/** Longest packet, bytes. */
export const OBSERVER_PACKET = 512;
/** Descriptors of `hand`. */
export const HANDED_DESCRIPTORS = 3;

export interface ReadyPacket {
  readonly event: 'ready';
  /** Landlock ABI in force, 0 where the kernel has none. */
  readonly landlock: number;
  /** System calls that the filter lets through. */
  readonly systemCalls: number;
}

export interface BeginPacket {
  readonly do: 'begin';
  /** Subtype of the mount, `ext4`. */
  readonly type: string;
}

const encoder = new TextEncoder();

/** The relay's last word to the helper. */
export const BEGUN_PACKET: Uint8Array = encoder.encode(JSON.stringify({event: 'begun'}));

export const HAND_PACKET: Uint8Array = encoder.encode(JSON.stringify({do: 'hand'}));

export function encodeObserverPacket(packet: ReadyPacket | BeginPacket): Uint8Array {
  return encoder.encode(JSON.stringify(packet));
}

function decoded(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

/** Undefined for anything else. */
export function decodeReady(bytes: Uint8Array): ReadyPacket | undefined {
  const {event, landlock, systemCalls} = decoded(bytes) ?? {};
  if (event !== 'ready' || !isCount(landlock) || !isCount(systemCalls)) return undefined;
  return {event, landlock, systemCalls};
}

export function isBegun(bytes: Uint8Array): boolean {
  return decoded(bytes)?.['event'] === 'begun';
}

/** Undefined for anything else. */
export function decodeBegin(bytes: Uint8Array): BeginPacket | undefined {
  const packet = decoded(bytes) ?? {};
  const {type} = packet;
  return packet['do'] === 'begin' && typeof type === 'string' ? {do: 'begin', type} : undefined;
}
