import {readSync, writeSync} from 'node:fs';
import {hasHungUp, waitReadable} from '../sys/poll.js';
import {setNonBlocking, watchReadable} from '../sys/watch.js';
import type {SendReply} from './request-slot.js';
import type {Session} from './session.js';

/** How a connection ended: its last mount is gone, or it was aborted through its control file. */
export type ConnectionEnd = 'unmounted' | 'aborted';

/** Requests served before the event loop gets its turn. */
const BATCH = 64;

/** What a failed read(2) of the device means. @throws the error itself when it does not belong to the protocol */
export function afterRead(error: unknown): ConnectionEnd | 'repeat' | 'wait' {
  switch ((error as {code?: unknown}).code) {
    case 'ENODEV':
      return 'unmounted';
    case 'ECONNABORTED':
    // A socket whose other end was closed with something unread.
    case 'ECONNRESET':
      return 'aborted';
    case 'EINTR':
    // A request that vanished between being announced and being read.
    case 'ENOENT':
      return 'repeat';
    case 'EAGAIN':
      return 'wait';
    default:
      throw error;
  }
}

/**
 * Writes replies to the device, each with one write. The request may be gone by now (its caller was killed, the mount
 * ended): that is no error. The reply itself being refused is one.
 */
export function replyTo(fd: number): SendReply {
  return (reply, length) => {
    for (;;) {
      try {
        writeSync(fd, reply, 0, length, null);
        return;
      } catch (error) {
        switch ((error as {code?: unknown}).code) {
          case 'ENOENT':
          case 'ENODEV':
          case 'EPERM':
          case 'ENOTCONN':
          case 'ECONNABORTED':
          case 'EPIPE':
            return;
          case 'EINTR':
          case 'EAGAIN':
            continue;
          default:
            throw error;
        }
      }
    }
  };
}

/**
 * Serves a mounted /dev/fuse until the connection ends, blocking the thread all the while: for a worker thread of its own and a
 * file system that answers at once. Nothing else runs on this thread, so handlers that return promises are answered with EIO.
 * Ends only by unmount or abort; where a socket stands for the device, when its other end is closed. Several threads may serve one
 * connection, each with its own session.
 *
 * @throws Node's error for any failure of read(2) that does not belong to the protocol: EPERM before the mount, EINVAL
 *   for a maxWrite other than the one negotiated.
 */
export function runBlocking(fd: number, session: Session): ConnectionEnd {
  const send = replyTo(fd);
  for (;;) {
    const slot = session.acquire();
    if (slot === undefined) {
      if (session.held === 0) throw new Error('requests are waiting in a transport that does not wait');
      session.hooks.onHeldFull?.();
      if (!hasHungUp(fd)) continue;
      // The next read tells how it ended.
      session.end();
      continue;
    }
    let length: number;
    try {
      length = readSync(fd, slot.request, 0, slot.request.length, null);
    } catch (error) {
      session.release(slot);
      const meaning = afterRead(error);
      if (meaning === 'repeat') {
        session.hooks.onInterrupted?.();
        continue;
      }
      if (meaning === 'wait') {
        // Somebody made the shared open file non-blocking.
        waitReadable(fd);
        continue;
      }
      session.end();
      return meaning;
    }
    if (length === 0) {
      session.release(slot);
      session.end();
      return 'unmounted';
    }
    session.handle(slot, length, send, false);
  }
}

/**
 * Serves a mounted /dev/fuse from the event loop until the connection ends: for file systems whose handlers return promises.
 * Makes the open file non-blocking. When as many requests wait as the session allows, no more are read until one is answered.
 *
 * @returns a promise of how it ended; it rejects as `runBlocking` throws.
 */
export function serveEvents(fd: number, session: Session): Promise<ConnectionEnd> {
  setNonBlocking(fd, true);
  const send = replyTo(fd);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      watch.close();
      session.onFree = undefined;
      session.end();
    };
    const watch = watchReadable(fd, () => {
      for (let served = 0; served < BATCH; served++) {
        const slot = session.acquire();
        if (slot === undefined) {
          watch.pause();
          return;
        }
        let length: number;
        try {
          length = readSync(fd, slot.request, 0, slot.request.length, null);
        } catch (error) {
          session.release(slot);
          let meaning: ReturnType<typeof afterRead>;
          try {
            meaning = afterRead(error);
          } catch (unexpected) {
            stop();
            reject(unexpected);
            return;
          }
          if (meaning === 'repeat') continue;
          if (meaning === 'wait') return;
          stop();
          resolve(meaning);
          return;
        }
        if (length === 0) {
          session.release(slot);
          stop();
          resolve('unmounted');
          return;
        }
        session.handle(slot, length, send);
      }
    });
    session.onFree = () => watch.resume();
  });
}

/** Writes notifications to the device; every error is the caller's. For `new Notifier(notifyVia(fd))`. */
export function notifyVia(fd: number): SendReply {
  return (message, length) => {
    writeSync(fd, message, 0, length, null);
  };
}
