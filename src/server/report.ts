import {encodeFrame} from '../control/frame.js';
import type {OwnedFd} from '../sys/fd.js';
import {writeStream} from '../sys/socket.js';

/** Sends a message to whoever holds the other end of the control channel. Nobody there is no error. */
export function report(control: OwnedFd | undefined, message: object): void {
  if (control === undefined) return;
  try {
    writeStream(control.fd, encodeFrame(message), 1_000);
  } catch {
    // The mount command was killed, or does not read: the conversation tells that as well.
  }
}
