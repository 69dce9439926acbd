import {existsSync, lstatSync} from 'node:fs';
import {dirname} from 'node:path';
import {
  commandSandbox,
  findProgram,
  findRuntime,
  type Runtime,
  runtimeFlags,
  topOf,
} from '../../launch/index.js';
import {type Policy, type ServerPolicy, wayOf} from '../../policy/index.js';
import {PACKAGE_ROOT} from '../package-root.js';
import {quotedWord} from './unit-words.js';
import type {UnitFile} from './units.js';

const {SYSTEM_DIRECTORIES, PUBLIC_FILES, CERTIFICATES, TEMPORARY_BYTES, FUSERMOUNT} = commandSandbox;

/** The first line of what is made here, by which it is known again. */
export const MARK = '# Made by "fuseward policy units"';

/** A command that no unit can hold to what policy says. */
export class NoUnitError extends Error {
  /** The key of policy that stands in the way. */
  readonly key: string;

  constructor(key: string, reason: string) {
    super(`${key} ${reason}`);
    this.name = 'NoUnitError';
    this.key = key;
  }
}

/** Names that units of ours have, and letters that no unit's name has. */
const TAKEN = new Set(['server', 'mount']);
const UNIT_NAME = /^[A-Za-z0-9_.-]+$/;

/** Whether a type is served by somebody else's program that knows nothing of the service protocol. */
export function hasForeignCommand({command, way}: ServerPolicy): boolean {
  return command !== undefined && wayOf(command, way) !== 'service';
}

/** @throws NoUnitError */
function checkType(type: string): void {
  if (TAKEN.has(type)) throw new NoUnitError('the type', 'has the name of a unit of fuseward itself');
  if (!UNIT_NAME.test(type)) throw new NoUnitError('the type', 'has letters that no name of a unit has');
}

/** The socket, as that of our own servers. */
function socketUnit(type: string): string {
  return `${MARK}; run that again when the policy changes.
[Unit]
Description=Contained servers for ${type} file systems
Documentation=man:fuseward(8)
# Up before anything is mounted.
DefaultDependencies=no
Before=sockets.target local-fs-pre.target
Conflicts=shutdown.target
Before=shutdown.target

[Socket]
ListenSequentialPacket=/run/filesystems/${type}
Accept=yes
# Whoever may write starts servers: root alone.
SocketMode=0220
DirectoryMode=0755
RemoveOnStop=yes
SendBuffer=256K
MaxConnections=256
MaxConnectionsPerSource=256
TriggerLimitIntervalSec=2s
TriggerLimitBurst=200

[Install]
WantedBy=sockets.target
`;
}

/** A user namespace in which the command's user is root, and has nothing of root's. */
const AS_ROOT = [
  ...['/usr/bin/unshare', '--user', '--map-root-user'],
  ...['/usr/bin/setpriv', '--bounding-set', '-all', '--inh-caps', '-all', '--ambient-caps', '-all'],
];

/** Node with the adapter, which asks for its plan. */
function execStart(server: ServerPolicy, runtime: Runtime): string {
  const words = [runtime.node, ...runtimeFlags(server), runtime.program, 'unit'];
  return [...(server.asRoot ? AS_ROOT : []), ...words].map(quotedWord).join(' ');
}

/** Paths that a unit sees, where they are on this machine; what lies below /usr it sees anyway. */
function shown(paths: readonly string[]): string[] {
  return paths
    .filter(
      (path) => !path.startsWith('/usr/') && !SYSTEM_DIRECTORIES.some((each) => path.startsWith(`${each}/`)),
    )
    .map((path) => `BindReadOnlyPaths=${quotedWord(path)}`);
}

function files(server: ServerPolicy, program: string, runtime: Runtime): string[] {
  const optional = [
    ...SYSTEM_DIRECTORIES,
    ...PUBLIC_FILES,
    ...(server.network === 'none' ? [] : CERTIFICATES),
  ].filter((path) => existsSync(path));
  const own = [
    runtime.node,
    dirname(runtime.program),
    dirname(runtime.native),
    ...runtime.libraries,
    ...runtime.data,
  ];
  const modules = ['koffi', '@koromix']
    .map((name) => `${PACKAGE_ROOT}/node_modules/${name}`)
    .filter(existsSync);
  // A link into /usr is a mount of its own here.
  const places = FUSERMOUNT.filter((path) => lstatSync(path, {throwIfNoEntry: false})?.isFile());
  const linked = lstatSync('/bin').isSymbolicLink() ? places.map((path) => path.replace(/^\/usr/, '')) : [];
  const standIns = [...places, ...linked];
  return [
    'BindReadOnlyPaths=/usr',
    ...optional.map((path) => `BindReadOnlyPaths=${path}`),
    ...shown([...new Set([program, ...own, ...modules])]),
    ...standIns.map(
      (path) => `BindReadOnlyPaths=${quotedWord(`${PACKAGE_ROOT}/bin/fusermount-stand-in`)}:${path}`,
    ),
  ];
}

/** Where something is to be made when somebody mounts: what systemd makes in the root itself, all units of ours see. */
function placesInMemory({grants}: ServerPolicy): string[] {
  const tops = grants.map(({place}) => topOf(place));
  const there = new Set(['/', '/usr', '/tmp', '/dev', '/proc', '/sys', ...SYSTEM_DIRECTORIES]);
  return [...new Set(['/fuseward', '/etc', ...tops])].filter((path) => !there.has(path));
}

function limits(server: ServerPolicy): string[] {
  const {nofile, nproc, sigpending} = commandSandbox.commandLimits({server, writes: true});
  return [
    `MemoryMax=${server.memoryBytes}`,
    'MemorySwapMax=0',
    `TasksMax=${nproc}`,
    ...(server.cpuPercent === 0 ? [] : [`CPUQuota=${server.cpuPercent}%`]),
    'OOMScoreAdjust=500',
    'OOMPolicy=kill',
    `LimitDATA=${server.memoryBytes}`,
    'LimitCORE=0',
    '# Less for a mount that is read-only, which the mount helper sees to.',
    'LimitFSIZE=infinity',
    'LimitMEMLOCK=0',
    'LimitMSGQUEUE=0',
    `LimitNOFILE=${nofile}`,
    `LimitNPROC=${nproc}`,
    'LimitRTPRIO=0',
    `LimitSIGPENDING=${sigpending}`,
  ];
}

function networkLines({network}: ServerPolicy): string[] {
  if (network === 'none') {
    return ['PrivateNetwork=yes', 'IPAddressDeny=any', 'RestrictAddressFamilies=AF_UNIX'];
  }
  const families = 'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6';
  if (network === 'host') return ['# The whole network of this machine, as policy says.', families];
  return [
    '# Nothing but loopback, where a relay listens for each place that policy lists.',
    'PrivateNetwork=yes',
    families,
  ];
}

/** No unit has a node for one but from the mount helper, and none can make one. */
function deviceLines(allow: Policy['allow']): string[] {
  const wanted = allow.some(({sourceKinds}) => sourceKinds.includes('block'));
  return wanted ? ['# The source alone, whose node the mount helper makes.', 'DeviceAllow=block-* rw'] : [];
}

function serviceUnit(
  type: string,
  {server, allow}: Pick<Policy, 'server' | 'allow'>,
  program: string,
  runtime: Runtime,
): string {
  return `${MARK}; run that again when the policy changes.
# The server of one mount: a program of others, and before it the adapter, which is gone when the mount works. The source, what policy grants, and the command
# itself are the mount helper's to give when somebody mounts.
[Unit]
Description=Contained server of a ${type} file system (%i)
Documentation=man:fuseward(8)
# No end at shutdown.target: the mount goes first, with umount.target, and the server with it.
DefaultDependencies=no
CollectMode=inactive-or-failed

[Service]
Type=exec
ExecStart=:${execStart(server, runtime)}
# It runs as long as anything of the program does.
ExitType=cgroup
TimeoutStopSec=5s
Slice=system.slice
SyslogIdentifier=fuseward-${type}
LogRateLimitIntervalSec=10s
LogRateLimitBurst=200

${limits(server).join('\n')}

DynamicUser=yes
User=fw-%i
PrivateUsers=yes
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
RestrictSUIDSGID=yes
KeyringMode=private
RemoveIPC=yes
UMask=0077

# What it sees of the machine's files: programs and libraries.
RootDirectory=/run/fuseward/server-root
# Directories in memory, for this one server, in which the mount helper makes places and then lets nobody write.
TemporaryFileSystem=${placesInMemory(server)
    .map((path) => quotedWord(`${path}:mode=0755,size=1M`))
    .join(' ')}
${files(server, program, runtime).join('\n')}
TemporaryFileSystem=/tmp:mode=1777,size=${TEMPORARY_BYTES} /var/tmp:mode=1777,size=64K
# Libraries give up where they can't open one; it is no fuse device.
BindPaths=/dev/null:/dev/fuse
InaccessiblePaths=/dev/shm /dev/mqueue
ProtectHome=yes
PrivateMounts=yes
# Not ProcSubset=: programs look for /proc/mounts.
ProtectProc=invisible
PrivateDevices=yes
DevicePolicy=closed
${deviceLines(allow)
  .map((line) => `${line}\n`)
  .join('')}ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes

${networkLines(server).join('\n')}
PrivateIPC=yes
RestrictNamespaces=${server.asRoot ? 'user' : 'yes'}
RestrictRealtime=yes
LockPersonality=yes
NotifyAccess=none

# What programs ordinarily use. The adapter installs a narrower filter before it starts the program: mount(2) gets no further than to the adapter.
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service mount umount2 name_to_handle_at pkey_alloc pkey_free pkey_mprotect
${server.asRoot ? 'SystemCallFilter=capset\n' : ''}SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp
SystemCallFilter=~io_uring_setup io_uring_enter io_uring_register
`;
}

/**
 * The units in which systemd runs the command of a type, a socket and a template of services.
 * @throws NoUnitError, UnitWordError, MissingProgram
 */
export function commandUnits(type: string, policy: Pick<Policy, 'server' | 'allow'>): UnitFile[] {
  checkType(type);
  const program = findProgram(policy.server.command?.[0] ?? '');
  const runtime = findRuntime('adapter');
  return [
    {name: `fuseward-${type}.socket`, text: socketUnit(type)},
    {name: `fuseward-${type}@.service`, text: serviceUnit(type, policy, program, runtime)},
  ];
}
