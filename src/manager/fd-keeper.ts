import type {OwnedFd} from '../sys/fd.js';

/** Keeps descriptors over a restart of the manager: systemd's store (FileDescriptorStoreMax=), for one. */
export interface FdKeeper {
  /** What an earlier life stored under this name; the caller's from then on. */
  take(name: string): OwnedFd | undefined;
  /** Stores a duplicate. The same file stored twice is there once. */
  store(name: string, fd: number): void;
}
