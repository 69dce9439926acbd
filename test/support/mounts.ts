import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {O_RDONLY, O_RDWR, openFd} from '../../src/sys/fd.js';
import {attachLoop} from '../../src/sys/loop.js';
import {MS_RDONLY, mountAt, umount} from '../../src/sys/mount.js';

/** Runs a command; its output comes back, what it says on failure is in the error. */
export function run(command: string, args: readonly string[], input = ''): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** An empty directory for the time of an action. */
export function withDirectory<T>(action: (path: string) => T): T {
  const path = mkdtempSync(join(tmpdir(), 'fuseward-mount-'));
  try {
    return action(path);
  } finally {
    rmdirSync(path);
  }
}

/**
 * Mounts an image by the kernel's ext4 on a loop device that goes with the mount, as `mount -o loop` does but without
 * starting a program, which takes longer than the mount. Undone by `umount`.
 * @param options `ro` or `rw` and ext4's own @param deviceReadOnly whether the kernel can't write to the image either
 * @throws Errno when the kernel refuses
 */
export function mountLoop(image: string, target: string, options: string, deviceReadOnly: boolean): void {
  const words = options.split(',');
  using backing = openFd(image, deviceReadOnly ? O_RDONLY : O_RDWR);
  const loop = attachLoop(backing.fd, {
    readOnly: deviceReadOnly,
    directIo: false,
    autoclear: true,
    fileName: image,
  });
  using _ = loop.device;
  const data = words.filter((word) => word !== 'ro' && word !== 'rw').join(',');
  mountAt(loop.path, target, 'ext4', words.includes('ro') ? MS_RDONLY : 0, data);
}

/**
 * The kernel's own mount of an image for the time of an action. With `ro` the loop device is read-only too, so
 * that not even a journal is replayed. `replay-ro` mounts read-only on a writable device, where the kernel replays
 * the journal into the image first; `replay-rw` mounts read-write for that and then again with `ro`.
 */
export function withKernelMount<T>(image: string, options: string, action: (path: string) => T): T {
  if (options === 'replay-ro') return withMount(image, 'ro', false, action);
  if (options === 'replay-rw') {
    withMount(image, 'rw', false, () => undefined);
    return withMount(image, 'ro', true, action);
  }
  return withMount(image, options, options.split(',').includes('ro'), action);
}

function withMount<T>(
  image: string,
  options: string,
  deviceReadOnly: boolean,
  action: (path: string) => T,
): T {
  return withDirectory((path) => {
    mountLoop(image, path, options, deviceReadOnly);
    try {
      return action(path);
    } finally {
      umount(path);
    }
  });
}
