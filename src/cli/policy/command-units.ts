import {existsSync, lstatSync} from 'node:fs';
import {dirname} from 'node:path';
import {encodeCommandPlan} from '../../control/command-plan.js';
import {
  COMMAND_PATH,
  commandSandbox,
  findProgram,
  findRuntime,
  type Runtime,
  runtimeFlags,
} from '../../launch/index.js';
import {type Policy, placeholdersOf, type ServerPolicy, wayOf} from '../../policy/index.js';
import {PACKAGE_ROOT} from '../package-root.js';
import {quotedWord, restOfLine} from './unit-words.js';
import type {UnitFile} from './units.js';

const {
  SHIM_PLACE,
  TARGET_PLACE,
  SYSTEM_DIRECTORIES,
  PUBLIC_FILES,
  CERTIFICATES,
  TEMPORARY_BYTES,
  FUSERMOUNT,
} = commandSandbox;

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

/** Descriptors that the adapter is given for secrets begin here. */
const FIRST_SECRET = 4;

/** Whether a type is served by somebody else's program that knows nothing of the service protocol. */
export function hasForeignCommand({command, way}: ServerPolicy): boolean {
  return command !== undefined && wayOf(command, way) !== 'service';
}

/**
 * What a policy asks for that a unit can't do: it is written once, before anybody mounts, and systemd 252 has no ID-mapped mounts.
 * @throws NoUnitError
 */
function checkPolicy(type: string, server: ServerPolicy): void {
  const {command = [], network, state, asRoot, observe} = server;
  if (TAKEN.has(type)) throw new NoUnitError('the type', 'has the name of a unit of fuseward itself');
  if (!UNIT_NAME.test(type)) throw new NoUnitError('the type', 'has letters that no name of a unit has');
  const perMount = ['uid', 'gid', 'server-uid'].find((name) => placeholdersOf(command).has(name));
  if (perMount !== undefined) {
    throw new NoUnitError(
      'server.command',
      `has {${perMount}}, which is known when somebody mounts and not before`,
    );
  }
  if (Array.isArray(network)) {
    throw new NoUnitError(
      'server.network',
      'is a list, and systemd tells addresses apart but no ports: "none" or "host"',
    );
  }
  if (state)
    throw new NoUnitError('server.state', 'is a directory for each source, and the unit is the same for all');
  if (asRoot) throw new NoUnitError('server.as_root', 'takes a user namespace that systemd does not make');
  if (observe) throw new NoUnitError('server.observe', 'takes a relay that is started with each mount');
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

/** Node with the adapter and its plan; with secrets a shell opens them as descriptors first. */
function execStart(type: string, server: ServerPolicy, program: string, runtime: Runtime): string {
  const {command = [], secrets, environment, network} = server;
  const names = Object.keys(secrets);
  const way = wayOf(command, server.way);
  const plan = encodeCommandPlan({
    type,
    command: [program, ...command.slice(1)],
    way: way === 'service' ? 'auto' : way,
    source: {kind: 'served'},
    target: TARGET_PLACE,
    environment: {PATH: COMMAND_PATH, HOME: '/tmp', USER: 'fuseward', LOGNAME: 'fuseward', ...environment},
    secrets: names.map((name, index) => ({name, fd: FIRST_SECRET + index})),
    network,
  });
  const words = [runtime.node, ...runtimeFlags(server), runtime.program, plan];
  const opening = names.map((name, index) => `${FIRST_SECRET + index}<"$CREDENTIALS_DIRECTORY/${name}"`);
  const shell = opening.length === 0 ? [] : ['/usr/bin/sh', '-c', `exec "$@" ${opening.join(' ')}`, 'sh'];
  return [...shell, ...words].map(quotedWord).join(' ');
}

/** Paths that a unit sees, where they are on this machine; what lies below /usr it sees anyway. */
function shown(paths: readonly string[]): string[] {
  return paths
    .filter(
      (path) => !path.startsWith('/usr/') && !SYSTEM_DIRECTORIES.some((each) => path.startsWith(`${each}/`)),
    )
    .map((path) => `BindReadOnlyPaths=${quotedWord(path)}`);
}

function binding(path: string, place: string, writable: boolean): string {
  const words = path === place ? quotedWord(path) : `${quotedWord(path)}:${quotedWord(place)}`;
  return `${writable ? 'BindPaths' : 'BindReadOnlyPaths'}=${words}`;
}

function files(server: ServerPolicy, program: string, runtime: Runtime): string[] {
  const optional = [
    ...SYSTEM_DIRECTORIES,
    ...PUBLIC_FILES,
    ...(server.network === 'none'
      ? []
      : ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', ...CERTIFICATES]),
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
    ...standIns.map((path) => binding(`${PACKAGE_ROOT}/bin/fusermount-stand-in`, path, false)),
    ...server.grants.map(({path, place, writable}) => binding(path, place, writable)),
  ];
}

function limits(server: ServerPolicy): string[] {
  const writes = server.grants.some(({writable}) => writable);
  const {nofile, nproc, sigpending, fsize} = commandSandbox.commandLimits({server, writes});
  return [
    `MemoryMax=${server.memoryBytes}`,
    'MemorySwapMax=0',
    `TasksMax=${nproc}`,
    ...(server.cpuPercent === 0 ? [] : [`CPUQuota=${server.cpuPercent}%`]),
    'OOMScoreAdjust=500',
    'OOMPolicy=kill',
    `LimitDATA=${server.memoryBytes}`,
    'LimitCORE=0',
    `LimitFSIZE=${fsize === 'unlimited' ? 'infinity' : fsize}`,
    'LimitMEMLOCK=0',
    'LimitMSGQUEUE=0',
    `LimitNOFILE=${nofile}`,
    `LimitNPROC=${nproc}`,
    'LimitRTPRIO=0',
    `LimitSIGPENDING=${sigpending}`,
  ];
}

function networkLines({network}: ServerPolicy): string[] {
  return network === 'none'
    ? ['PrivateNetwork=yes', 'IPAddressDeny=any', 'RestrictAddressFamilies=AF_UNIX']
    : [
        '# The whole network of this machine, as policy says.',
        'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
      ];
}

function serviceUnit(type: string, server: ServerPolicy, program: string, runtime: Runtime): string {
  const credentials = Object.entries(server.secrets).map(
    ([name, path]) => `LoadCredential=${name}:${restOfLine(path)}`,
  );
  return `${MARK}; run that again when the policy changes.
# The server of one mount: a program of others, and before it the adapter, which is gone when the mount works.
[Unit]
Description=Contained server of a ${type} file system (%i)
Documentation=man:fuseward(8)
# No end at shutdown.target: the mount goes first, with umount.target, and the server with it.
DefaultDependencies=no
CollectMode=inactive-or-failed

[Service]
Type=exec
ExecStart=:${execStart(type, server, program, runtime)}
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
${credentials.map((line) => `${line}\n`).join('')}
# What it sees of the machine's files: programs and libraries, and what policy grants, with the rights of its own user.
RootDirectory=/run/fuseward/server-root
# Places to mount on are made in memory, for this one server.
TemporaryFileSystem=/:ro
${files(server, program, runtime).join('\n')}
TemporaryFileSystem=${SHIM_PLACE}:mode=0777,size=64K ${TARGET_PLACE}:mode=0777,size=64K
TemporaryFileSystem=/tmp:mode=1777,size=${TEMPORARY_BYTES} /var/tmp:mode=1777,size=64K
# Libraries give up where they can't open one; it is no fuse device.
BindPaths=/dev/null:/dev/fuse
InaccessiblePaths=/dev/shm /dev/mqueue
ProtectHome=${server.grants.some(({place}) => /^\/(?:home|root|run\/user)(?:\/|$)/.test(place)) ? 'no' : 'yes'}
PrivateMounts=yes
ProtectProc=invisible
ProcSubset=pid
PrivateDevices=yes
DevicePolicy=closed
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes

${networkLines(server).join('\n')}
PrivateIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
NotifyAccess=none

# What programs ordinarily use. The adapter installs a narrower filter before it starts the program: mount(2) gets no further than to the adapter.
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service mount umount2 name_to_handle_at pkey_alloc pkey_free pkey_mprotect
SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp
`;
}

/**
 * The units in which systemd runs the command of a type, a socket and a template of services.
 * @throws NoUnitError, UnitWordError, MissingProgram, CommandPlanError
 */
export function commandUnits(type: string, {server, allow}: Pick<Policy, 'server' | 'allow'>): UnitFile[] {
  checkPolicy(type, server);
  if (allow.length > 0 && !allow.some(({sourceKinds}) => sourceKinds.includes('file'))) {
    throw new NoUnitError('allow', 'has no rule for image files, and a unit is given nothing else');
  }
  const program = findProgram(server.command?.[0] ?? '');
  const runtime = findRuntime('adapter');
  return [
    {name: `fuseward-${type}.socket`, text: socketUnit(type)},
    {name: `fuseward-${type}@.service`, text: serviceUnit(type, server, program, runtime)},
  ];
}
