import type {AllowRule, Origin} from './allow-rule.js';
import type {ContainmentPoint} from './containment-points.js';

/** Whether a regular file gets a loop device: `auto` only where iomap was approved. */
export type LoopPolicy = 'always' | 'auto' | 'never';
/** What to make of the kernel's iomap. */
export type IomapPolicy = 'allow' | 'deny' | 'require';
/** What the manager does with a mount whose server is gone. */
export type ServerDeathPolicy = 'detach' | 'keep';
/** How requests travel between kernel and server: `io_uring` where the kernel allows it, else by the device as well. */
export type TransportPolicy = 'device' | 'io_uring';
/** Which servers may serve a type: one of our own in a sandbox, one behind a service socket, or whichever there is. */
export type DriverPolicy = 'builtin' | 'socket' | 'any';

/**
 * How a command gets its mount: `service` speaks the service protocol; the others are a FUSE server that knows nothing of it, and say
 * how it is given the fuse device; `auto` finds out.
 */
export type CommandWay = 'auto' | 'descriptor' | 'fusermount' | 'mount' | 'service';
/** What a command reaches of the network: nothing, all that this machine does, or these `host:port` alone. */
export type NetworkReach = 'none' | 'host' | readonly string[];

/** A file or directory of this machine that a command sees. Absolute paths. */
export interface Grant {
  readonly writable: boolean;
  readonly path: string;
  /** Where it is inside the sandbox. */
  readonly place: string;
}

/** What an administrator decided for mounts of one type. Quantities are in the unit of their name. */
export interface Policy {
  readonly loop: LoopPolicy;
  readonly directIo: boolean;
  /** Block size of the source's device, bytes; 0 leaves it to the file system. */
  readonly blockSize: number;
  readonly iomap: IomapPolicy;
  /** How requests travel between kernel and server. */
  readonly transport: TransportPolicy;
  /** The server may mount as fuseblk; for root's mounts. */
  readonly fuseblk: boolean;
  readonly allowDev: boolean;
  readonly allowSuid: boolean;
  readonly allowOther: boolean;
  /** `allow_other` for callers who are not root. */
  readonly allowOtherForUsers: boolean;
  /** Options that every mount gets, whatever the caller says: `ro`, `nosuid`, `nodev`, `noexec` and the like. */
  readonly forceOptions: readonly string[];
  /** Options that refuse a mount. */
  readonly forbidOptions: readonly string[];
  /** How many mounts a user other than root may have at once. */
  readonly maxMountsPerUser: number;
  /** Kinds of file system on which users other than root may mount. */
  readonly targetFileSystems: readonly string[];
  /** How far the kernel reads ahead on a mount, bytes. */
  readonly readAheadBytes: number;
  readonly deadlineMs: number;
  readonly onServerDeath: ServerDeathPolicy;
  /** Age from which a request counts as slow. */
  readonly slowRequestMs: number;
  /** How long a server may leave the manager without an answer. */
  readonly unresponsiveMs: number;
  /** Age of a request at which the mount is ended; 0: never. */
  readonly requestDeadlineMs: number;
  readonly server: ServerPolicy;
  readonly containment: ContainmentPolicy;
  /** Who may mount what where, in the order of the file. None of them: nobody may. */
  readonly allow: readonly AllowRule[];
  /** The administrator's file for this type, there or not; undefined for a type that no file can be for. */
  readonly ownFile: string | undefined;
  /** Where each setting in force is said, by its key in the file: `loop`, `server.tasks`. */
  readonly origins: Readonly<Record<string, Origin>>;
}

/** What a contained server gets. */
export interface ServerPolicy {
  readonly driver: DriverPolicy;
  /** A program of the administrator's in place of our own server, by its absolute path or its name, with its arguments. */
  readonly command?: readonly string[];
  readonly way: CommandWay;
  /** Variables that the command sees. */
  readonly environment: Readonly<Record<string, string>>;
  readonly network: NetworkReach;
  readonly grants: readonly Grant[];
  /** It gets a directory of its own that outlives the mount. */
  readonly state: boolean;
  /** Absolute paths of files by the name that the command has for them. */
  readonly secrets: Readonly<Record<string, string>>;
  /** It sees itself as user 0. */
  readonly asRoot: boolean;
  /** A relay stands between the server and the kernel: it counts, and checks what the server answers. */
  readonly observe: boolean;
  /** First user id of the range that servers run under. */
  readonly uidBase: number;
  /** How many user ids the range has, so how many servers can run at once. */
  readonly uidCount: number;
  /** Limit of the metadata block cache, bytes. */
  readonly cacheBytes: number;
  /** How long a server looks for the next request after an answer before it goes to sleep; 0: not at all. */
  readonly busyPollMicroseconds: number;
  /** RLIMIT_DATA of the server, bytes. */
  readonly memoryBytes: number;
  /** Processes and threads of the server's user. */
  readonly tasks: number;
  /** Share of one processor, in percent; 0 for no limit. */
  readonly cpuPercent: number;
  /** Runs without a compiler at run time, so that no memory is ever writable and executable. */
  readonly jitless: boolean;
  /** How many of them a manager keeps started and waiting; says nothing of how one is held. */
  readonly pool: number;
}

/** What is demanded of a server that runs. */
export interface ContainmentPolicy {
  /** A mount whose server lacks one of these is taken away. */
  readonly required: readonly ContainmentPoint[];
}
