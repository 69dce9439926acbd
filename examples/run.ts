/**
 * What the examples share: opens /dev/fuse, mounts it on the directory named on the command line and serves it from this thread
 * until `umount DIRECTORY`. Needs root. Real servers get the mounted descriptor from a mount helper instead.
 */
import {stat} from 'node:fs/promises';
import {type FileSystem, runBlocking, Session, type SessionOptions} from '../src/fuse/index.js';
import {O_RDWR, openFd} from '../src/sys/fd.js';
import {MS_NODEV, MS_NOSUID, mountAt} from '../src/sys/mount.js';

/** Mounts and serves `fs`. The permission checks are the kernel's, by the modes that getattr shows. */
export async function runExample(name: string, fs: FileSystem, options: SessionOptions = {}): Promise<void> {
  const target = process.argv[2];
  if (target === undefined || !(await stat(target)).isDirectory()) {
    throw new Error(`usage: ${name} DIRECTORY`);
  }
  const device = openFd('/dev/fuse', O_RDWR);
  const data = `fd=${device.fd},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other`;
  mountAt(name, target, `fuse.${name}`, MS_NOSUID | MS_NODEV, data);
  console.log(`mounted on ${target}`);
  const onError = (error: unknown): void => console.error(error);
  const end = runBlocking(device.fd, new Session(fs, options, {onError}));
  console.log(end);
  device.close();
}
