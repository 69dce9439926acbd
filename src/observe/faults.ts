/** What can be wrong with what a server writes to its fuse device, and what becomes of it. */
export const FAULTS = {
  /** Fewer bytes than a header. Dropped: nobody can tell which request is meant. */
  short: 'no header',
  /** The header's length is not what was written. */
  length: 'length of the header',
  /** No request with this id waits: never asked, answered already, or given up. Dropped. */
  'unknown-request': 'answers no request',
  /** Above 0, or below the last errno that there is. */
  errno: 'error number',
  'error-with-body': 'an error with a body',
  /** The body is not as long as this answer is. */
  size: 'size of the body',
  /** More than was asked for. */
  'too-much': 'more than was asked for',
  'node-zero': 'node id 0',
  /** The root's node id for what is not the root. */
  'node-root': 'node id of the root',
  /** No kind of file, or not the one that was to be made. */
  mode: 'kind of file',
  /** The node was another kind of file before. */
  'node-type': 'another kind of file than before',
  'file-size': 'file size of 2^63 or more',
  nanoseconds: 'a second or more of nanoseconds',
  /** Flags of an open file that there are not, or passthrough, which needs the real device. */
  'open-flags': 'flags of the open file',
  'link-target': 'target of the symbolic link',
  'xattr-size': 'size of the extended attribute',
  'xattr-list': 'list of extended attributes',
  'name-max': 'longest name',
  lock: 'range or kind of lock',
  'ioctl-flags': 'flags of the ioctl',
  offset: 'offset of 2^63 or more',
  'entry-name': 'name of a directory entry',
  'entry-type': 'kind of a directory entry',
  'entry-offset': 'offset of a directory entry',
  'init-version': 'protocol version',
  'init-granularity': 'granularity of times',
  /** Features that were not offered. Taken out of the answer, which goes on. */
  'init-flags': 'features that were not offered',
  /** An answer to an interruption that means nothing. Dropped. */
  interrupt: 'answer to an interruption',
  /** A notification that there is not, or that a relay can't let through. Dropped, as are all below. */
  'notify-kind': 'kind of notification',
  'notify-size': 'size of the notification',
  'notify-name': 'name in the notification',
  'notify-range': 'range in the notification',
  /** More of them than the kernel takes at the time. */
  'notify-flood': 'too many notifications',
  /** The kernel did not take what was found sound here. */
  kernel: 'refused by the kernel',
} as const;

/** A kind of fault. */
export type Fault = keyof typeof FAULTS;

/** All of them, in the order in which they are counted in memory. */
export const FAULT_NAMES: readonly Fault[] = Object.keys(FAULTS) as Fault[];
