import type {Decision, MountFacts, Origin} from '../policy/index.js';
import type {Log} from '../service/log.js';
import type {OwnedFd} from '../sys/fd.js';
import type {Connect} from './connection.js';
import type {LockDownReport} from './control-channel.js';
import type {IomapResult} from './fuse-device.js';
import type {GivenDescriptors} from './given.js';
import type {MountPolicy} from './mount-policy.js';
import type {RelayProcess} from './observer.js';
import type {ServedMember} from './served-members.js';
import type {ProcessName, ServingProcess} from './serving-process.js';

/** What a caller wants mounted. */
export interface MountRequest {
  /** Image file or block device. */
  source: string;
  /** Directory or regular file. */
  target: string;
  /** `ext4`, `fuse.ext4`, `fuseblk.ext4`; undefined: the contained server finds out. */
  type: string | undefined;
  /** The argument of each `-o`. */
  options: string[];
  /** Who asks. Anybody but root needs `given`. */
  callerUid: number;
  callerGid: number;
  /** Supplementary groups of who asks. */
  callerGroups: readonly number[];
  /** What the caller opened himself, ours to close: used in place of `source` and `target`, which then are but names for it. */
  given?: GivenDescriptors;
}

/** What the helper works with. */
export interface MountDependencies {
  policy: MountPolicy;
  /** A server for the subtype (undefined: one that detects it); undefined when there is no driver for it. */
  connect: Connect;
  log?: Log;
  /** Starts a relay that stands between the kernel and the server; without it the server gets the fuse device itself. */
  observe?(): RelayProcess;
  /** Asked once source and target are looked up, before anything is done for the mount. */
  decide(facts: MountFacts): Decision;
  /**
   * Asked before the mount when nobody named a type and the server detected one: its word decides which policy would hold, so
   * this is where to refuse. What it answers with decides as well. @throws MountError
   */
  checkDetected?(subtype: string, facts: MountFacts): Decision;
  /**
   * Told which process the server is when it has asked for its source for the first time: one that speaks the extension, and locks itself down before that.
   */
  asking?(server: ProcessName): void;
  /**
   * Told where the server can be reached and which process it is, as soon as it has answered a first stat of the mount, which is attached nowhere yet
   * and may still come to nothing.
   */
  serving?(server: {readonly controlSocket: string} & Partial<ProcessName>): void;
  /**
   * Asked when the mount works and before it is attached to its target: whether its server is held as it has to be.
   * @throws MountError; nothing is left of the mount then
   */
  checkServer?(server: ServingProcess): void;
  /**
   * Told of the mount as soon as it is attached to its target, to note what nobody could find out later.
   * @throws Errno; nothing is left of the mount then
   */
  keepRecord?(result: MountResult): void;
  /** Takes over the control channel once mounted; without it our end is closed. */
  keepControl?(channel: OwnedFd): void;
  /** `/dev/fuse` unless told. */
  fuseDevice?: string;
  /** Directory for the sockets on which servers can be reached while they run; made when missing. Without it there are none. */
  controlDirectory?: string;
}

/** A working mount. */
export interface MountResult {
  mountId: number;
  /** Number of the FUSE connection: the minor device number of the mount. */
  connectionId: number;
  /** Where it is, absolute and without symbolic links. */
  target: string;
  /** As the caller wrote it. */
  source: string;
  /** Where the source was found, absolute and without symbolic links. */
  sourcePath: string;
  /** Inode number of a source that is a file, decimal. */
  sourceInode?: string;
  /** In the mount table, `fuse.ext4`. */
  type: string;
  subtype: string;
  loopDevice?: string;
  /** Further sources that the file system in the source names. */
  members?: readonly ServedMember[];
  /** Block size of the file system in bytes, as the server says. */
  blockSize?: number;
  iomap: IomapResult;
  /** The server was told how many queues there are, and may hold an io_uring for them. */
  queues?: true;
  /** Filters of system calls that the server had from its start, before its own. */
  firstFilters?: number;
  /** How the server says it has locked itself down, in its own words. */
  lockDown?: LockDownReport;
  readOnly: boolean;
  /** The process that serves it: started by us, or the one that answered the hello by the kernel's word. */
  serverPid?: number;
  /** When that process started, in clock ticks since boot. */
  serverStart?: string;
  kind: 'socket' | 'embedded';
  /** The relay between it and the kernel, where policy wants one: the process that holds the fuse device then. */
  observer?: ProcessName;
  /** The server is a program of others, policy's command. */
  foreign?: true;
  /** Policy grants that program places in the network. */
  network?: true;
  /** The first process of the sandbox that such a program runs in: all that it starts ends with that. */
  sandbox?: ProcessName;
  /** The unit of systemd's that such a program runs in otherwise. */
  unit?: {name: string; uid: number};
  /** Where the server can be reached, if it takes part. */
  controlSocket?: string;
  /** The policy's rule that allowed it: that of the detected type, where nobody named one. */
  rule?: Origin;
}
