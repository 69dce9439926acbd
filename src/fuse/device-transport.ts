import {writeSync} from 'node:fs';
import {Errno} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {setNonBlocking} from '../sys/fd.js';
import {hasHungUp, waitReadableOnce, waitWritable} from '../sys/poll.js';
import {readBytes, writeBytes} from '../sys/raw-io.js';
import {watchReadable} from '../sys/watch.js';
import {BusyPoll} from './busy-poll.js';
import type {SendReply} from './request-slot.js';
import type {Session} from './session.js';

/** How a connection ended: its last mount is gone, or it was aborted through its control file. */
export type ConnectionEnd = 'unmounted' | 'aborted';

/** Requests served before the event loop gets its turn. */
const BATCH = 64;
/** Unless told: some three times what a caller needs to be woken on another processor and to ask again. */
export const BUSY_POLL_MS = 0.05;

/** What a failed read(2) of the device means. @throws Errno for an error that does not belong to the protocol */
export function afterRead(errno: number): ConnectionEnd | 'repeat' | 'wait' {
  switch (errno) {
    case ERRNO.ENODEV:
      return 'unmounted';
    case ERRNO.ECONNABORTED:
    // A socket whose other end was closed with something unread.
    case ERRNO.ECONNRESET:
      return 'aborted';
    case ERRNO.EINTR:
    // A request that vanished between being announced and being read.
    case ERRNO.ENOENT:
      return 'repeat';
    case ERRNO.EAGAIN:
      return 'wait';
    default:
      throw new Errno(errno, 'read', 'the fuse device');
  }
}

/**
 * Writes replies to the device, each with one write. The request may be gone by now (its caller was killed, the mount
 * ended): that is no error. The reply itself being refused is one.
 */
export function replyTo(fd: number): SendReply {
  return (reply, length) => {
    for (;;) {
      const written = writeBytes(fd, reply, length);
      if (written >= 0) return;
      switch (-written) {
        case ERRNO.ENOENT:
        case ERRNO.ENODEV:
        case ERRNO.EPERM:
        case ERRNO.ENOTCONN:
        case ERRNO.ECONNABORTED:
        case ERRNO.EPIPE:
          return;
        case ERRNO.EINTR:
          continue;
        case ERRNO.EAGAIN:
          // Never the device: a socket in its place, whose other end does not read.
          waitWritable(fd);
          continue;
        default:
          throw new Errno(-written, 'write', 'the fuse device');
      }
    }
  };
}

/** How `runBlocking` waits. */
export interface BlockingOptions {
  /** How long to look for the next request after an answer before going to sleep, milliseconds; 0: not at all. Default 0.05. */
  readonly busyPollMs?: number;
}

/**
 * Serves a mounted /dev/fuse until the connection ends, blocking the thread all the while: for a worker thread of its own and a
 * file system that answers at once. Nothing else runs on this thread, so handlers that return promises are answered with EIO.
 * Ends only by unmount or abort; where a socket stands for the device, when its other end is closed. Several threads may serve one
 * connection, each with its own session. Makes the open file non-blocking.
 *
 * @throws Errno for any failure of read(2) that does not belong to the protocol: EPERM before the mount, EINVAL
 *   for a maxWrite other than the one negotiated.
 */
export function runBlocking(fd: number, session: Session, options: BlockingOptions = {}): ConnectionEnd {
  setNonBlocking(fd);
  const send = replyTo(fd);
  const busyPoll = new BusyPoll(options.busyPollMs ?? BUSY_POLL_MS);
  let request: Uint8Array;
  let length = 0;
  const read = (): boolean => {
    length = readBytes(fd, request);
    return length !== -ERRNO.EAGAIN;
  };
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
    request = slot.request;
    if (!read()) busyPoll.search(read);
    if (length > 0) {
      session.handle(slot, length, send, false);
      busyPoll.answered();
      continue;
    }
    session.release(slot);
    const meaning = length === 0 ? 'unmounted' : afterRead(-length);
    switch (meaning) {
      case 'repeat':
        continue;
      case 'wait':
        // What else there is to do is seen before a sleep of any length, and when somebody ends it.
        session.hooks.beforeWait?.();
        if (waitReadableOnce(fd)) busyPoll.woken();
        continue;
      default:
        session.end();
        return meaning;
    }
  }
}

/**
 * Serves a mounted /dev/fuse from the event loop until the connection ends: for file systems whose handlers return promises.
 * Makes the open file non-blocking. When as many requests wait as the session allows, no more are read until one is answered.
 *
 * @returns a promise of how it ended; it rejects as `runBlocking` throws.
 */
export function serveEvents(fd: number, session: Session): Promise<ConnectionEnd> {
  setNonBlocking(fd);
  const send = replyTo(fd);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      watch.close();
      session.onFree = undefined;
      session.end();
    };
    const serve = (): void => {
      for (let served = 0; served < BATCH; served++) {
        const slot = session.acquire();
        if (slot === undefined) {
          watch.pause();
          return;
        }
        const length = readBytes(fd, slot.request);
        if (length > 0) {
          session.handle(slot, length, send);
          continue;
        }
        session.release(slot);
        const meaning = length === 0 ? 'unmounted' : afterRead(-length);
        if (meaning === 'repeat') continue;
        if (meaning === 'wait') return;
        stop();
        resolve(meaning);
        return;
      }
    };
    const watch = watchReadable(fd, () => {
      try {
        serve();
      } catch (error) {
        stop();
        reject(error);
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
