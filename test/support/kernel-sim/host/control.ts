import type {IomapControl} from '../../../../src/iomap/index.js';
import {Errno} from '../../../../src/sys/errno.js';
import {OwnedFd} from '../../../../src/sys/fd.js';
import {IOC} from '../device-calls.js';
import type {KernelEnd} from '../link.js';
import {backingInfo, backingMap} from '../structs.js';

/** What stands for ioctl(2) and write(2) of notifications on the server's side. Both throw Errno. */
export interface KernelCalls {
  ioctl(request: number, memory: Uint8Array, passedFd?: number): number;
  write(message: Uint8Array, length: number): void;
}

/** Calls of a server in the same thread. */
export class DirectCalls implements KernelCalls {
  /** Set while a request is served, and kept. */
  kernel: KernelEnd | undefined;

  ioctl(request: number, memory: Uint8Array, passedFd?: number): number {
    // The kernel's side keeps a duplicate, as if the descriptor had travelled.
    const fd = passedFd === undefined ? undefined : new OwnedFd(passedFd);
    const copy = fd?.dup();
    fd?.release();
    return this.#result(this.kernel!.call({kind: 'ioctl', request, memory, fd: copy}).result, 'ioctl');
  }

  write(message: Uint8Array, length: number): void {
    const memory = message.slice(0, length);
    this.#result(this.kernel!.call({kind: 'write', request: 0, memory}).result, 'write');
  }

  #result(result: number, call: string): number {
    if (result < 0) throw new Errno(-result, call, 'fuse device');
    return result;
  }
}

/** The ioctls that a server needs, done by the simulated kernel. */
export function controlOf(calls: KernelCalls, version: 'v6' | 'v7' = 'v7'): IomapControl {
  return {
    registerDevice: (fd) => calls.ioctl(IOC.BACKING_OPEN, backingMap.encode({fd, flags: 1}), fd),
    setDeviceBlockSize: (id, blockSize) => {
      const request = version === 'v6' ? IOC.SET_BLOCKSIZE_V6 : IOC.SET_BLOCKSIZE;
      calls.ioctl(request, backingInfo.encode({id, blockSize}));
    },
    setNoFs: () => {
      const value = new Uint8Array(4);
      value[0] = 1;
      calls.ioctl(IOC.SET_NOFS, value);
    },
  };
}
