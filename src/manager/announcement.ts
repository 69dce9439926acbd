import {encodeFrame} from '../control/frame.js';
import {RUN_DIRECTORY} from '../launch/lock.js';
import {connectStream, writeStream} from '../sys/socket.js';

/** Where a manager listens for announcements: a stream socket that root alone may connect to. */
export const MANAGER_SOCKET = `${RUN_DIRECTORY}/manager.sock`;

/** What commands tell the manager, one frame a connection. */
export type Announcement =
  | {readonly event: 'mounted'; readonly connectionId: number; readonly mountId: number}
  | {readonly event: 'unmounted'; readonly connectionId: number; readonly mountId: number}
  /** A mount that the policy did not allow. */
  | {
      readonly event: 'denied';
      readonly source: string;
      readonly target: string;
      readonly code: string;
      readonly errno?: string | undefined;
      readonly message: string;
      readonly callerUid?: number | undefined;
      /** Where in the policy it is said. */
      readonly rule?: {readonly file: string; readonly line: number} | undefined;
    };

/** How long a command waits for a manager that does not listen. */
const PATIENCE_MS = 200;

/**
 * Tells the manager, if there is one. It only saves the manager half a second, so whatever goes wrong is no failure.
 * @returns whether a manager took it
 */
export function announce(announcement: Announcement, socket: string = MANAGER_SOCKET): boolean {
  try {
    using connection = connectStream(socket, {timeoutMs: PATIENCE_MS});
    writeStream(connection.fd, encodeFrame(announcement), PATIENCE_MS);
    return true;
  } catch {
    // Nobody there, or not in the mood.
    return false;
  }
}
