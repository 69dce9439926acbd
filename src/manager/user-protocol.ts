import {RUN_DIRECTORY} from '../launch/lock.js';

/**
 * What ordinary users and the manager say to each other, on a SEQPACKET socket that everybody may connect to. One request a connection; each
 * packet is one JSON object.
 *
 * | step | user | manager |
 * | --- | --- | --- |
 * | 1 | `UserRequest`, without descriptors | |
 * | 2 | | of a mount: `{"send": "descriptors"}`, when its turn has come |
 * | 3 | two descriptors, source and target, with a packet of one byte | |
 * | 4 | | `{"ok": …}` or `{"error": …}` |
 *
 * Who asks is what the kernel says of the connection; nothing in a packet tells it.
 */
export const USER_SOCKET: string = `${RUN_DIRECTORY}/mount.sock`;

/** Grows when an older manager could misunderstand a request. */
export const USER_PROTOCOL = 1;

/** Bytes of a packet in either direction. */
export const LONGEST_USER_PACKET = 65_536;

/** What a user may ask for. */
export type UserRequest =
  | {
      readonly version: typeof USER_PROTOCOL;
      readonly do: 'mount';
      readonly type?: string;
      /** The argument of each `-o`. */
      readonly options: readonly string[];
    }
  | {
      readonly version: typeof USER_PROTOCOL;
      readonly do: 'umount';
      /** Number of the mount in /proc/self/mountinfo. */
      readonly mountId: number;
      readonly lazy: boolean;
      readonly force: boolean;
    }
  | {readonly version: typeof USER_PROTOCOL; readonly do: 'ls'};

/** Why it was not done. */
export interface UserFailure {
  /** One sentence: can't VERB OBJECT: reason. */
  readonly message: string;
  /** Stable, for programs. */
  readonly code: string;
  readonly errno?: string | undefined;
  /** `FILE:LINE` of the policy that was against it. */
  readonly rule?: string | undefined;
  /** What the command should end with; 1 unless told. */
  readonly exitCode?: number | undefined;
}

/** What the manager answers. */
export type UserAnswer =
  | {readonly ok: unknown}
  | {readonly error: UserFailure}
  | {readonly send: 'descriptors'};

/** A packet of an object. */
export function encodeUserPacket(packet: UserRequest | UserAnswer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(packet));
}
