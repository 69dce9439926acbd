import koffi from 'koffi';

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
