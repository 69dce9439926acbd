import * as ms from '../sys/mount-flags.js';

/** Bits that belong to the mount, as fsmount(2) names them. */
const ATTRIBUTES: ReadonlyArray<readonly [flag: number, attribute: number]> = [
  [ms.MS_RDONLY, ms.MOUNT_ATTR_RDONLY],
  [ms.MS_NOSUID, ms.MOUNT_ATTR_NOSUID],
  [ms.MS_NODEV, ms.MOUNT_ATTR_NODEV],
  [ms.MS_NOEXEC, ms.MOUNT_ATTR_NOEXEC],
  [ms.MS_NODIRATIME, ms.MOUNT_ATTR_NODIRATIME],
  [ms.MS_NOSYMFOLLOW, ms.MOUNT_ATTR_NOSYMFOLLOW],
];

/** Bits that belong to the file system below the mount, as fsconfig(2) names them. */
const PARAMETERS: ReadonlyArray<readonly [flag: number, parameter: string]> = [
  [ms.MS_RDONLY, 'ro'],
  [ms.MS_SYNCHRONOUS, 'sync'],
  [ms.MS_DIRSYNC, 'dirsync'],
  [ms.MS_LAZYTIME, 'lazytime'],
];

/** MOUNT_ATTR_* for MS_* bits. The ways of keeping access times are one field: noatime, strictatime, or relatime. */
export function mountAttributes(flags: number): number {
  let attributes = ms.MOUNT_ATTR_RELATIME;
  if ((flags & ms.MS_NOATIME) !== 0) attributes = ms.MOUNT_ATTR_NOATIME;
  else if ((flags & ms.MS_STRICTATIME) !== 0) attributes = ms.MOUNT_ATTR_STRICTATIME;
  for (const [flag, attribute] of ATTRIBUTES) {
    if ((flags & flag) !== 0) attributes |= attribute;
  }
  return attributes;
}

/** Parameters for fsconfig(2) for MS_* bits. */
export function superblockParameters(flags: number): string[] {
  return PARAMETERS.filter(([flag]) => (flags & flag) !== 0).map(([, parameter]) => parameter);
}
