import {
  COMMAND_WAYS,
  commandLine,
  environment,
  grantList,
  networkReach,
  secretFiles,
} from './command-kinds.js';
import {CONTAINMENT_POINTS} from './containment-points.js';
import {integer, type Kind, listOf, oneOf, powerOfTwo, seconds, text, yesOrNo} from './kinds.js';
import {LONGEST_PATTERN, patternProblem} from './path-pattern.js';
import {isSourceName, SOURCE_NAME} from './source-name.js';

/** One key of a policy file. */
export interface Key {
  /** In the program. */
  readonly name: string;
  readonly kind: Kind;
  /** What it decides, in a line. */
  readonly help: string;
  /** What holds where it is left out; for keys of `[[allow]]` alone, the others have theirs in the shipped file. */
  readonly fallback?: unknown;
}

/** Keys of one table, by their name in the file. */
export type KeyTable = Readonly<Record<string, Key>>;

const MOST_ITEMS = 256;
const some = {least: 0, most: MOST_ITEMS};
const oneAtLeast = {least: 1, most: MOST_ITEMS};

/** As mount(8) takes them; no value, no comma. */
const option = text('a mount option', /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/);
const account = text('a name, a number or "*"', /^(?:\*|[A-Za-z0-9_.][A-Za-z0-9_.@-]{0,63}\$?)$/);
const pattern = pathPattern();
const source = sourcePattern();
const fileSystem = text('a kind of file system', /^[a-z0-9][a-z0-9._-]{0,31}$/);

/** Options that the kernel knows as a flag of the mount, in the way that makes it tighter. */
const FORCIBLE = [
  'ro',
  'nosuid',
  'nodev',
  'noexec',
  'nosymfollow',
  'noatime',
  'nodiratime',
  'sync',
  'dirsync',
];

/** Keys outside all tables. */
export const KEYS: KeyTable = {
  loop: {
    name: 'loop',
    kind: oneOf('always', 'auto', 'never'),
    help: 'a loop device around a source that is a regular file',
  },
  direct_io: {
    name: 'directIo',
    kind: yesOrNo,
    help: 'the loop device bypasses the page cache of the file below',
  },
  block_size: {
    name: 'blockSize',
    kind: powerOfTwo(512, 4096),
    help: 'block size of the loop or block device in bytes; 0 leaves it to the file system',
  },
  iomap: {
    name: 'iomap',
    kind: oneOf('allow', 'deny', 'require'),
    help: 'file I/O by the kernel itself, where it can',
  },
  transport: {
    name: 'transport',
    kind: oneOf('device', 'io_uring'),
    help: 'how requests travel between kernel and server; by io_uring where the kernel allows it',
  },
  fuseblk: {
    name: 'fuseblk',
    kind: yesOrNo,
    help: 'the server may mount as fuseblk, which only root may',
  },
  allow_dev: {name: 'allowDev', kind: yesOrNo, help: 'device files work where the caller says -o dev'},
  allow_suid: {
    name: 'allowSuid',
    kind: yesOrNo,
    help: 'set-user-ID programs work where the caller says -o suid',
  },
  allow_other: {
    name: 'allowOther',
    kind: yesOrNo,
    help: 'other users than the one who mounts may use the mount',
  },
  allow_other_users: {
    name: 'allowOtherForUsers',
    kind: yesOrNo,
    help: 'the same for mounts of users other than root',
  },
  force_options: {
    name: 'forceOptions',
    kind: listOf(oneOf(...FORCIBLE), `mount options out of ${FORCIBLE.join(', ')}`, some),
    help: 'options that every mount gets, whatever the caller says',
  },
  forbid_options: {
    name: 'forbidOptions',
    kind: listOf(option, 'names of mount options', some),
    help: 'options with which a mount is refused',
  },
  max_mounts_per_user: {
    name: 'maxMountsPerUser',
    kind: integer(0, 10_000),
    help: 'how many mounts a user other than root may have at once',
  },
  target_file_systems: {
    name: 'targetFileSystems',
    kind: listOf(fileSystem, 'kinds of file system, as "ext4" or "tmpfs"', some),
    help: 'kinds of file system on which users other than root may mount',
  },
  read_ahead_bytes: {
    name: 'readAheadBytes',
    kind: integer(0, 2 ** 27),
    help: 'how far the kernel reads ahead in a file',
  },
  deadline_seconds: {name: 'deadlineMs', kind: seconds(1, 3600), help: 'how long a mount attempt may take'},
  on_server_death: {
    name: 'onServerDeath',
    kind: oneOf('detach', 'keep'),
    help: 'what the manager does with a mount whose server is gone',
  },
  slow_request_seconds: {
    name: 'slowRequestMs',
    kind: seconds(0.1, 3600),
    help: 'age from which a request counts as slow',
  },
  unresponsive_seconds: {
    name: 'unresponsiveMs',
    kind: seconds(1, 3600),
    help: 'how long a server may leave the manager without an answer',
  },
  request_deadline_seconds: {
    name: 'requestDeadlineMs',
    kind: seconds(0, 86_400),
    help: 'age of a request at which the manager ends the mount; 0 lets it wait for ever',
  },
};

/** Keys of `[server]`. */
export const SERVER_KEYS: KeyTable = {
  driver: {
    name: 'driver',
    kind: oneOf('builtin', 'socket', 'any'),
    help: 'a server in a sandbox of our own, one behind the service socket, or whichever there is',
  },
  command: {
    name: 'command',
    kind: commandLine(),
    help: 'a FUSE server to run in place of our own, by its path or its name, with its arguments',
  },
  way: {
    name: 'way',
    kind: oneOf(...COMMAND_WAYS),
    help: 'how the command gets its mount',
  },
  environment: {
    name: 'environment',
    kind: environment(),
    help: 'variables that the command sees',
  },
  network: {
    name: 'network',
    kind: networkReach(),
    help: 'what the command reaches of the network',
  },
  grants: {
    name: 'grants',
    kind: grantList(),
    help: 'files and directories of this machine that the command sees',
  },
  state: {
    name: 'state',
    kind: yesOrNo,
    help: 'a directory that the command may write to and that is there again at the next mount',
  },
  secrets: {
    name: 'secrets',
    kind: secretFiles(),
    help: 'files whose content the command gets as descriptors',
  },
  as_root: {
    name: 'asRoot',
    kind: yesOrNo,
    help: 'the command takes itself for root, which it is not',
  },
  observe: {
    name: 'observe',
    kind: yesOrNo,
    help: 'a relay counts requests to the server and checks its answers',
  },
  // 2^31 and above are negative in programs that take a user id for an int; 2^16 and below are people and services.
  uid_base: {
    name: 'uidBase',
    kind: integer(65_536, 2_147_418_112),
    help: 'first user id that servers run under',
  },
  uid_count: {name: 'uidCount', kind: integer(1, 65_536), help: 'how many user ids there are for servers'},
  cache_bytes: {
    name: 'cacheBytes',
    kind: integer(65_536, 2 ** 34),
    help: 'metadata blocks that a server keeps',
  },
  busy_poll_microseconds: {
    name: 'busyPollMicroseconds',
    kind: integer(0, 10_000),
    help: 'how long a server looks for the next request before it sleeps; 0: not at all',
  },
  memory_bytes: {
    name: 'memoryBytes',
    kind: integer(2 ** 28, 2 ** 40),
    help: 'private writable memory of a server',
  },
  tasks: {name: 'tasks', kind: integer(16, 4096), help: 'processes and threads of a server'},
  cpu_percent: {
    name: 'cpuPercent',
    kind: integer(0, 100_000),
    help: 'share of one processor, where a control group can be had; 0 for no limit',
  },
  jitless: {
    name: 'jitless',
    kind: yesOrNo,
    help: 'no compiler at run time, so no writable memory is ever executable',
  },
  pool: {
    name: 'pool',
    kind: integer(0, 64),
    help: 'how many servers the manager keeps started and waiting, each for one mount',
  },
};

/** Keys of `[containment]`. */
export const CONTAINMENT_KEYS: KeyTable = {
  required: {
    name: 'required',
    kind: listOf(oneOf(...CONTAINMENT_POINTS), `points out of ${CONTAINMENT_POINTS.join(', ')}`, some),
    help: 'a mount whose server lacks one of these is taken away',
  },
};

const SOURCE_KINDS = ['file', 'block', 'directory', 'name'] as const;

/** Keys of each `[[allow]]`. What is left out is as narrow as it can be. */
export const ALLOW_KEYS: KeyTable = {
  users: {
    name: 'users',
    kind: listOf(account, 'user names, user ids, or "*"', some),
    help: 'who may: user names, user ids, or "*" for everybody',
    fallback: [],
  },
  groups: {
    name: 'groups',
    kind: listOf(account, 'group names or ids', some),
    help: 'who may: members of these groups',
    fallback: [],
  },
  sources: {
    name: 'sources',
    kind: listOf(source, 'patterns as "/srv/images/*.img", "~/**" or "**", or names', oneAtLeast),
    help: 'patterns of the source path, or names of sources that are no files',
  },
  source_kinds: {
    name: 'sourceKinds',
    kind: listOf(oneOf(...SOURCE_KINDS), '"file", "block", "directory" and "name"', {least: 1, most: 4}),
    help: 'regular files, block devices, directories, names of what is no file here',
    fallback: ['file', 'block'],
  },
  source_owner: {
    name: 'sourceOwner',
    kind: oneOf('anyone', 'caller', 'root'),
    help: 'whom the source must belong to',
    fallback: 'caller',
  },
  max_source_bytes: {
    name: 'maxSourceBytes',
    kind: integer(0, Number.MAX_SAFE_INTEGER),
    help: 'largest source',
    fallback: null,
  },
  members: {
    name: 'members',
    kind: listOf(pattern, 'patterns as "/srv/images/*.img", "~/**" or "**"', some),
    help: 'patterns of further sources that the file system in a source may name',
    fallback: [],
  },
  targets: {
    name: 'targets',
    kind: listOf(pattern, 'patterns as "/mnt/*", "~/**" or "**"', oneAtLeast),
    help: 'patterns of the target path',
  },
  target_owner: {
    name: 'targetOwner',
    kind: oneOf('anyone', 'caller'),
    help: 'whom the target must belong to',
    fallback: 'caller',
  },
  access: {
    name: 'access',
    kind: oneOf('read-only', 'read-write'),
    help: 'read-only allows mounts with "ro" alone',
    fallback: 'read-only',
  },
};

/** The tables of a policy file. */
export const TABLES = {server: SERVER_KEYS, containment: CONTAINMENT_KEYS} as const;

function pathPattern(): Kind {
  return {
    sentence: 'must be a pattern as "/srv/images/*.img", "~/**" or "**"',
    schema: {type: 'string', pattern: '^(\\*\\*|~?/.+)$', maxLength: LONGEST_PATTERN},
    read: (value) => (typeof value === 'string' && patternProblem(value) === undefined ? value : undefined),
  };
}

function sourcePattern(): Kind {
  return {
    sentence: `${pattern.sentence}, or a name as "user@host:directory"`,
    // A word without a colon is rather a path that lacks its slash.
    schema: {type: 'string', pattern: `^(\\*\\*|~?/.+|(?=.*:)${SOURCE_NAME})$`, maxLength: LONGEST_PATTERN},
    read: (value) => {
      if (typeof value !== 'string' || value.length > LONGEST_PATTERN) return undefined;
      return value.includes(':') && isSourceName(value) ? value : pattern.read(value);
    },
  };
}
