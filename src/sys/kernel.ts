import {existsSync, readFileSync} from 'node:fs';
import {release} from 'node:os';
import {landlockAbi} from './landlock.js';

/** `6.18.44-generic`, as uname(2) says. */
export function kernelRelease(): string {
  return release();
}

/** Major and minor number of a release; [0, 0] for one that does not look like any. */
export function kernelVersion(text: string = kernelRelease()): [major: number, minor: number] {
  const numbers = /^(\d+)\.(\d+)/.exec(text);
  return numbers === null ? [0, 0] : [Number(numbers[1]), Number(numbers[2])];
}

/** What this kernel offers, as far as files tell. undefined means that the kernel has no such knob. */
export interface KernelFeatures {
  release: string;
  /** 0: no Landlock. */
  landlockAbi: number;
  /** Empty: no seccomp filters. */
  seccompActions: string[];
  /** user.max_user_namespaces; 0 forbids them. */
  maxUserNamespaces: number | undefined;
  /** kernel.unprivileged_userns_clone (Debian, Ubuntu); false: root only. */
  unprivilegedUserNamespaces: boolean | undefined;
  /** kernel.apparmor_restrict_unprivileged_userns (Ubuntu); true: only for programs with a profile. */
  apparmorRestrictsUserNamespaces: boolean | undefined;
  /** The fuse driver is there: /dev/fuse exists, or fuse is among the file systems. */
  fuseDevice: boolean;
  fuseFileSystem: boolean;
  fuseblkFileSystem: boolean;
  /** Parameters of the fuse module: io_uring (mainline), iomap (out of tree). */
  fuseUring: boolean | undefined;
  fuseIomap: boolean | undefined;
  /** kernel.io_uring_disabled: 0 for all, 1 for a group and root, 2 for nobody. */
  ioUringDisabled: number | undefined;
  loopControl: boolean;
}

/** The content of a small file without the newline, or undefined if it can't be read. */
function knob(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function numberKnob(path: string): number | undefined {
  const text = knob(path);
  return text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);
}

/** Y/N as module parameters have it, or 1/0 as sysctls have it. */
function flagKnob(path: string): boolean | undefined {
  const text = knob(path);
  return text === undefined ? undefined : /^(y|yes|[1-9]\d*)$/i.test(text);
}

/** Looks at what this kernel offers. Unreadable knobs count as absent. @throws Errno when Landlock can't be asked */
export function kernelFeatures(): KernelFeatures {
  const types = new Set((knob('/proc/filesystems') ?? '').split('\n').map((line) => line.split('\t').at(-1)));
  return {
    release: kernelRelease(),
    landlockAbi: landlockAbi(),
    seccompActions: (knob('/proc/sys/kernel/seccomp/actions_avail') ?? '').split(' ').filter(Boolean),
    maxUserNamespaces: numberKnob('/proc/sys/user/max_user_namespaces'),
    unprivilegedUserNamespaces: flagKnob('/proc/sys/kernel/unprivileged_userns_clone'),
    apparmorRestrictsUserNamespaces: flagKnob('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    fuseDevice: existsSync('/dev/fuse'),
    fuseFileSystem: types.has('fuse'),
    fuseblkFileSystem: types.has('fuseblk'),
    fuseUring: flagKnob('/sys/module/fuse/parameters/enable_uring'),
    fuseIomap: flagKnob('/sys/module/fuse/parameters/enable_iomap'),
    ioUringDisabled: numberKnob('/proc/sys/kernel/io_uring_disabled'),
    loopControl: existsSync('/dev/loop-control'),
  };
}
