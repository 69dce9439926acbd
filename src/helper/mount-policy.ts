import type {SourceKinds} from './source.js';

/** What the administrator allows for a type of file system, and how it is to be mounted. */
export interface MountPolicy {
  /** Put a loop device around a regular file: always, only where iomap was approved (which needs a device), or never. */
  loop: 'always' | 'auto' | 'never';
  /** The loop device bypasses the page cache of the file below, where that file system can. */
  directIo: boolean;
  /** Block size that the device gets, bytes, in place of the one that the server asks for; 0 leaves that to the server. */
  blockSize: number;
  /** Ask the kernel for iomap: not at all, if it can, or fail without. */
  iomap: 'allow' | 'deny' | 'require';
  /** Device nodes may work if the caller asks with `-o dev`. */
  allowDev: boolean;
  /** Set-user-id programs may work if the caller asks with `-o suid`. */
  allowSuid: boolean;
  /** `allow_other`: users other than the one who mounts may enter. */
  allowOther: boolean;
  /** From the connection to the server until the mount works, in milliseconds. */
  deadlineMs: number;
  /** How far the kernel reads ahead on the mount, bytes; undefined leaves it as it is. */
  readAheadBytes?: number;
  /** How requests travel: by the device alone, or by io_uring where the kernel allows it. */
  transport: 'device' | 'io_uring';
  /** The server may mount as fuseblk. */
  fuseblk: boolean;
  /** What may be mounted besides images and block devices; nothing unless said. */
  sourceKinds?: SourceKinds;
}

/** The most careful policy that still mounts something. */
export const DEFAULT_MOUNT_POLICY: MountPolicy = {
  loop: 'always',
  directIo: true,
  blockSize: 0,
  iomap: 'allow',
  allowDev: false,
  allowSuid: false,
  allowOther: true,
  deadlineMs: 30_000,
  transport: 'device',
  fuseblk: false,
};
