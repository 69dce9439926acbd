import type {Socket} from 'node:net';

/** What ends a passage before its time. */
export interface PassageLimits {
  /** How long one half may be closed while nothing comes through the other, milliseconds. */
  readonly halfOpenMs: number;
}

/** After this long without a byte, TCP asks whether the other end is still there. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Joins two connections until both directions have ended: bytes go both ways as fast as the slower side takes them, with no more in memory
 * than one read and one write each; the end of one direction is passed on and the other goes on; a reset of one side resets the
 * other.
 *
 * @param ended called once, when nothing of it is left
 */
export function joinSockets(inner: Socket, outer: Socket, limits: PassageLimits, ended: () => void): void {
  let open = 2;
  for (const [socket, other] of [
    [inner, outer],
    [outer, inner],
  ] as const) {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // A close follows.
    socket.on('error', () => other.resetAndDestroy());
    socket.on('timeout', () => {
      socket.resetAndDestroy();
      other.resetAndDestroy();
    });
    socket.once('end', () => {
      for (const each of [inner, outer]) each.setTimeout(limits.halfOpenMs);
    });
    socket.once('close', () => {
      // One that was closed before both its directions had ended has nobody to pass bytes to any more.
      if (!socket.readableEnded || !socket.writableFinished) other.destroy();
      open--;
      if (open === 0) ended();
    });
  }
  inner.pipe(outer);
  outer.pipe(inner);
}
