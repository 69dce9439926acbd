import koffi from 'koffi';
import {checked, native} from './libc.js';

const fcntl = native<[fd: number, command: number, argument: number]>('fcntl', 'int', ['int', 'int', 'long']);
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** Makes reads of the open file (all its descriptors) fail with EAGAIN instead of waiting, or the reverse. @throws Errno */
export function setNonBlocking(fd: number, on: boolean): void {
  const flags = checked(fcntl()(fd, F_GETFL, 0), 'fcntl(F_GETFL)', fd);
  const wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted !== flags) checked(fcntl()(fd, F_SETFL, wanted), 'fcntl(F_SETFL)', fd);
}

/** A descriptor that the event loop watches; keeps the process alive until it is closed. */
export interface ReadableWatch {
  /** Stops calling back until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends the watch; the descriptor stays open. To be called before the descriptor is closed. */
  close(): void;
}

/**
 * Calls back from the event loop whenever `fd` can be read, was hung up or has an error, again and again as long as that
 * is so. After an error the watch has to be resumed or closed by the callback, which learns of the error when it reads.
 */
export function watchReadable(fd: number, onReadable: () => void): ReadableWatch {
  let closed = false;
  const handle = koffi.node.poll(fd, {readable: true, disconnect: true}, () => {
    if (!closed) onReadable();
  });
  return {
    pause: () => {
      if (!closed) handle.stop();
    },
    resume: () => {
      if (!closed) handle.start({readable: true, disconnect: true}, () => onReadable());
    },
    close: () => {
      if (closed) return;
      closed = true;
      handle.close();
    },
  };
}
