import {kernelRelease} from './kernel.js';

/** What is not used on a kernel that mishandles it. */
export type Withheld =
  /** Answering open with ENOSYS, so that the kernel never asks again. */
  | 'no-open'
  /** Requests over io_uring. */
  | 'io-uring';

/** A defect of the kernel's own FUSE code that a server can run into, or that a server that was taken over can use. */
export interface KernelDefect {
  readonly id: string;
  /** What can happen. */
  readonly what: string;
  /** What is done about it here. */
  readonly answer: string;
  readonly withheld?: Withheld;
  /**
   * Releases that have it: from the first, up to but without the second; and for stable branches (`6.12`) the first release that
   * surely has the fix. Where the exact stable release is not published in a place that could be read, it is one that came out
   * after the fix was announced, so that a repaired kernel may still count as affected and never the other way round.
   */
  readonly since: string;
  readonly fixed: string;
  readonly stable: Readonly<Record<string, number>>;
  /** Where this is known from. */
  readonly source: string;
}

/** Distributions carry fixes under older numbers, so a match is a warning and not a proof. */
export const KERNEL_DEFECTS: readonly KernelDefect[] = [
  {
    id: 'CVE-2020-36322',
    what: 'an inode whose type changes is made bad while it is in use: a crash',
    answer: 'a reply that changes the type of a node becomes EIO before it leaves the server',
    since: '2.6',
    fixed: '5.11',
    stable: {},
    source: 'kernel commit 5d069dbe8aaf, "fuse: fix bad inode"',
  },
  {
    id: 'reused node ids',
    what: 'a name that led to an earlier file under the same number shows the new file',
    answer: 'node ids are inode numbers with their generation, and images are read-only: none is used again',
    since: '2.6',
    fixed: '5.14',
    stable: {},
    source: 'kernel commit 15db16837a35, "fuse: fix illegal access to inode with reused nodeid"',
  },
  {
    id: 'CVE-2025-68821',
    what: 'reading ahead in a file of a server that opens files without being asked, when memory is short: a deadlock',
    answer: 'opens are answered one by one, and not once for all',
    withheld: 'no-open',
    since: '6.9',
    fixed: '6.19',
    stable: {'6.12': 80, '6.18': 10},
    source: 'kernel CVE announcement of January 2026; the defect came with commit e26ee4efbc79',
  },
  {
    id: 'CVE-2026-31694',
    what: 'a directory entry longer than a page, kept in the cache of listings, overwrites kernel memory',
    answer:
      'no session sends a name above 1024 bytes; a server that was taken over could, so the kernel should be updated',
    since: '6.14',
    fixed: '7.1',
    stable: {'6.18': 32, '7.0': 12},
    source: 'kernel CVE announcement of May 2026',
  },
  {
    id: 'io_uring set-up races',
    what: 'two threads that set up the queues at once, or a reply to a request that was not sent: a crash',
    answer: 'requests come over /dev/fuse',
    withheld: 'io-uring',
    since: '6.14',
    fixed: '6.16',
    stable: {},
    source:
      'kernel commits "fuse: fix uring race condition for null dereference of fc" and "fuse-uring: make a fuse_req on SQE commit only findable after memcpy"; both came in the spring of 2025, soon after 6.14',
  },
];

/** Major, minor and patch number; undefined for a release that does not begin with two numbers. */
function parse(release: string): readonly [number, number, number] | undefined {
  const parts = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  return parts === null ? undefined : [Number(parts[1]), Number(parts[2]), Number(parts[3] ?? 0)];
}

function isBefore(release: readonly [number, number, number], version: string): boolean {
  const [major, minor] = parse(version)!;
  return release[0] < major || (release[0] === major && release[1] < minor);
}

/** Whether a kernel of this release has a defect, by its number; one that can't be read counts as affected. */
export function hasDefect({since, fixed, stable}: KernelDefect, release: string): boolean {
  const version = parse(release);
  if (version === undefined) return true;
  if (isBefore(version, since) || !isBefore(version, fixed)) return false;
  const repaired = stable[`${version[0]}.${version[1]}`];
  return repaired === undefined || version[2] < repaired;
}

/** The defects of the kernel that runs, by its number. */
export function kernelDefects(release: string = kernelRelease()): readonly KernelDefect[] {
  return KERNEL_DEFECTS.filter((defect) => hasDefect(defect, release));
}

/** What must not be used on the kernel that runs. */
export function withheldFeatures(release?: string): ReadonlySet<Withheld> {
  return new Set(kernelDefects(release).flatMap(({withheld}) => (withheld === undefined ? [] : [withheld])));
}
