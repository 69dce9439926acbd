import {readFileSync, statfsSync} from 'node:fs';
import type {MountFacts} from '../policy/index.js';
import {splitOptions} from '../service/option-text.js';
import {statFd} from '../sys/fd.js';
import type {MountPoint} from './mount-point.js';
import type {NamedSource, OpenedSource, Source} from './source.js';

/** statfs(2)'s numbers for kinds of file system (linux/magic.h and the file systems' own headers). ext2 and ext3 have ext4's. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x0187, 'autofs'],
  [0x27e0eb, 'cgroup'],
  [0x63677270, 'cgroup2'],
  [0xca451a4e, 'bcachefs'],
  [0x9123683e, 'btrfs'],
  [0xff534d42, 'cifs'],
  [0x64626720, 'debugfs'],
  [0x1cd1, 'devpts'],
  [0xf15f, 'ecryptfs'],
  [0xde5e81e4, 'efivarfs'],
  [0xe0f5e1e2, 'erofs'],
  [0x2011bab0, 'exfat'],
  [0xef53, 'ext4'],
  [0xf2f52010, 'f2fs'],
  [0x65735546, 'fuse'],
  [0x958458f6, 'hugetlbfs'],
  [0x9660, 'iso9660'],
  [0x3153464a, 'jfs'],
  [0x19800202, 'mqueue'],
  [0x6969, 'nfs'],
  [0x7366746e, 'ntfs3'],
  [0x794c7630, 'overlay'],
  [0x9fa0, 'proc'],
  [0x858458f6, 'ramfs'],
  [0xfe534d42, 'smb2'],
  [0x73717368, 'squashfs'],
  [0x62656572, 'sysfs'],
  [0x01021994, 'tmpfs'],
  [0x74726163, 'tracefs'],
  [0x4d44, 'vfat'],
  [0x01021997, 'v9fs'],
  [0x58465342, 'xfs'],
  [0x2fc12fc1, 'zfs'],
]);

/** Of devices, which may be of any kind, only the numbers are asked for: opening one could do something. */
function deviceBytes(rdev: bigint): number {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  try {
    const sectors = Number(readFileSync(`/sys/dev/block/${major}:${minor & 0xffffffffn}/size`, 'utf8'));
    return Number.isSafeInteger(sectors * 512) ? sectors * 512 : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function fileSystemOf({fd}: MountPoint): string {
  // Unsigned: the kernel's type is a signed long on some machines.
  const type = statfsSync(`/proc/self/fd/${fd.fd}`).type >>> 0;
  return FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`;
}

/** A name belongs to whoever says it, and nobody knows how much is behind it. */
function namedFacts({path, kind}: NamedSource, {uid}: MountFacts['caller']): MountFacts['source'] {
  return {path, kind, uid, bytes: Number.POSITIVE_INFINITY};
}

/** What policy is told of a source. The size of a directory nobody knows. @throws Errno */
export function sourceFacts(source: OpenedSource): MountFacts['source'] {
  const {kind, path} = source;
  const file = statFd(source.fd.fd);
  const bytes = {
    file: () => Number(file.size),
    block: () => deviceBytes(file.rdev),
    directory: () => Number.POSITIVE_INFINITY,
  }[kind]();
  return {path, kind, uid: Number(file.uid), bytes};
}

/**
 * What policy decides on, by the descriptors that the mount will go through: a path that is exchanged later changes nothing.
 *
 * @param texts the argument of each `-o`, all of which parseOptions has accepted
 * @throws Errno
 */
export function mountFacts(
  caller: MountFacts['caller'],
  {source, target}: {source: Source; target: MountPoint},
  {readOnly, texts}: {readOnly: boolean; texts: readonly string[]},
): MountFacts {
  return {
    caller,
    source: source.kind === 'name' ? namedFacts(source, caller) : sourceFacts(source),
    target: {path: target.path, uid: Number(statFd(target.fd.fd).uid), fsType: fileSystemOf(target)},
    readOnly,
    options: splitOptions(texts.join(',')),
  };
}
