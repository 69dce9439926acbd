import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

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
 * The kernel's own mount of an image for the time of an action. With `ro` the loop device is read-only too, so
 * that not even a journal is replayed. `replay-ro` mounts read-only on a writable device, where the kernel replays
 * the journal into the image first; `replay-rw` mounts read-write for that and then again with `ro`.
 */
export function withKernelMount<T>(image: string, options: string, action: (path: string) => T): T {
  if (options === 'replay-ro') return withLoop(image, (device) => withMount(device, 'ro', action));
  if (options === 'replay-rw') {
    withMount(image, 'loop,rw', () => undefined);
    return withMount(image, 'loop,ro', action);
  }
  return withMount(image, `loop,${options}`, action);
}

function withMount<T>(source: string, options: string, action: (path: string) => T): T {
  return withDirectory((path) => {
    run('mount', ['-t', 'ext4', '-o', options, source, path]);
    try {
      return action(path);
    } finally {
      run('umount', [path]);
    }
  });
}

function withLoop<T>(image: string, action: (device: string) => T): T {
  const device = run('losetup', ['--find', '--show', image]).trim();
  try {
    return action(device);
  } finally {
    run('losetup', ['--detach', device]);
  }
}
