import {constants} from 'node:fs';
import {type CommandPlan, encodeCommandPlan} from '../control/command-plan.js';
import {type CommandWay, type ServerPolicy, wayOf} from '../policy/index.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {flockFd, O_NONBLOCK, O_RDONLY, type OwnedFd, openFd, reopenFd, statFd} from '../sys/fd.js';
import {foreignSystemCalls} from '../sys/foreign-calls.js';
import {createMemfd} from '../sys/memfd.js';
import type {OwnerMapping} from '../sys/mount-attributes.js';
import {buildFilter} from '../sys/seccomp.js';

import {type Binding, deviceBinding, fileBinding, withAttached} from './binding.js';
import type {CommandMount} from './command-mount.js';
import {findProgram} from './command-program.js';
import {
  type CommandView,
  commandSandbox,
  isSystemFile,
  SOURCE_PLACE,
  STATE_PLACE,
  TARGET_PLACE,
} from './command-sandbox.js';
import type {EmbeddedServer} from './embedded-server.js';
import {GrantError, openGranted} from './granted-path.js';
import type {InheritedFds} from './inherited-fds.js';
import {openProgram} from './program-file.js';
import {findRuntime, type Runtime} from './runtime.js';
import {PROGRAM, programWords, runtimeFlags} from './sandbox.js';
import {openSecret} from './secrets.js';
import {startSandbox} from './start-sandbox.js';
import {stateDirectory} from './state-directory.js';

/** PATH of commands: where policy's names are looked for. */
export const PATH = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

/** Words that only the launcher knows. */
function filledIn(command: readonly string[], ids: Readonly<Record<string, number>>): string[] {
  return command.map((word) =>
    word.replace(/\{(uid|gid|server-uid)\}/g, (_, name: string) => String(ids[name])),
  );
}

/** The source, for a server that runs as `uid`. @throws GrantError */
function sourceBinding(
  {source, readOnly, callerUid, callerGid}: CommandMount,
  uid: number,
): Binding | undefined {
  if (source.kind === 'name') return undefined;
  const opts = {what: source.path, place: SOURCE_PLACE, writable: !readOnly};
  if (source.kind === 'block') {
    if (!source.given) return deviceBinding(source.fd, {...opts, uid});
    throw new GrantError(
      source.path,
      "is a user's block device, and commands get devices from root alone: make an image file of it",
    );
  }
  // A user's mount has his rights and nobody else's.
  const mapping = callerUid === 0 ? mappingOf(source.fd, uid) : {uid: callerUid, gid: callerGid, to: uid};
  return fileBinding(source.fd, {...opts, mapping});
}

function mappingOf(fd: OwnedFd, to: number): OwnerMapping {
  const {uid, gid} = statFd(fd.fd);
  return {uid: Number(uid), gid: Number(gid), to};
}

function pathBinding(
  path: string,
  place: string,
  {writable, uid}: {writable: boolean; uid: number},
): Binding {
  using fd = openGranted(path);
  return fileBinding(fd, {what: path, place, writable, mapping: mappingOf(fd, uid)});
}

/** Everything that policy grants, and the source unless the program asks for that itself. @throws GrantError */
function bindingsFor(
  type: string,
  server: ServerPolicy,
  mount: CommandMount,
  {uid, withSource}: {uid: number; withSource: boolean},
): Binding[] {
  const bindings: Binding[] = [];
  try {
    const source = withSource ? sourceBinding(mount, uid) : undefined;
    if (source !== undefined) bindings.push(source);
    if (server.state) {
      const owner = {type, callerUid: mount.callerUid, source: mount.source.path};
      bindings.push(pathBinding(stateDirectory(owner), STATE_PLACE, {writable: true, uid}));
    }
    for (const {path, place, writable} of server.grants) {
      bindings.push(pathBinding(path, place, {writable, uid}));
    }
    return bindings;
  } catch (error) {
    for (const each of bindings) each.close();
    throw error;
  }
}

/**
 * The lock that marks a file or device as mounted, for as long as the descriptor is open anywhere. Of directories and names there may be several mounts.
 * @throws Errno EBUSY
 */
function lockOn({source}: CommandMount): OwnedFd | undefined {
  if (source.kind === 'name' || source.kind === 'directory') return undefined;
  const file = source.given ? source.fd.dup() : reopenFd(source.fd.fd, O_RDONLY | O_NONBLOCK);
  try {
    flockFd(file.fd, {exclusive: true, nonBlocking: true});
    return file;
  } catch (error) {
    file.close();
    throw errnoOf(error) === ERRNO.EAGAIN ? new Errno('EBUSY', 'flock', source.path) : error;
  }
}

/** The words after the sandbox's own, and what they stand on. */
interface Program {
  readonly words: readonly string[];
  readonly sandboxWords: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The adapter, which takes the plan and becomes, or starts, the command. */
function adapterFor(plan: CommandPlan, server: ServerPolicy, runtime: Runtime, fds: InheritedFds): Program {
  const program = fds.give(openProgram(runtime.program));
  const native = fds.give(openFd(runtime.native, constants.O_RDONLY));
  const reachable = runtime.nodeReachable;
  const node = reachable
    ? runtime.node
    : `/proc/self/fd/${fds.give(openFd(runtime.node, constants.O_RDONLY))}`;
  return {
    words: [node, ...runtimeFlags(server), PROGRAM, encodeCommandPlan(plan)],
    sandboxWords: programWords({program, native}),
    // bubblewrap's own process is the first.
    environment: {LISTEN_FDS: '1', LISTEN_PID: '2'},
  };
}

function adapterFiles({libraries, data, node, nodeReachable}: Runtime): string[] {
  return [...libraries, ...data, ...(nodeReachable ? [node] : [])];
}

/** A program that speaks the service protocol itself. */
function serviceFor(
  command: readonly string[],
  server: ServerPolicy,
  environment: Readonly<Record<string, string>>,
  fds: InheritedFds,
): Program {
  // The one that the adapter has for the programs that it starts.
  const rules = foreignSystemCalls(server.network, 'errno');
  const filter = buildFilter(rules, {defaultAction: {errno: 'ENOSYS'}});
  const filterWords = [
    '--seccomp',
    `${fds.give(createMemfd('fuseward-filter', Uint8Array.from(filter.bytes)))}`,
  ];
  const variables = Object.entries(environment).flatMap(([name, text]) => ['--setenv', name, text]);
  return {
    words: command,
    sandboxWords: [...variables, ...filterWords],
    environment: {LISTEN_FDS: '1', LISTEN_PID: '1'},
  };
}

const BOUND = {kind: 'bound', path: SOURCE_PLACE} as const;

function planOf(
  type: string,
  {
    server,
    command,
    way,
    mount,
  }: {server: ServerPolicy; command: string[]; way: CommandWay; mount: CommandMount},
  {environment, secrets}: Pick<CommandPlan, 'environment' | 'secrets'>,
): CommandPlan {
  const {kind, path} = mount.source;
  const sources = {
    file: BOUND,
    block: BOUND,
    directory: BOUND,
    name: {kind: 'name', text: path},
  } as const;
  return {
    type,
    command,
    way: way === 'service' ? 'auto' : way,
    source: sources[kind],
    target: TARGET_PLACE,
    environment,
    secrets,
    network: server.network,
  };
}

/**
 * Starts policy's command for a mount, in a sandbox with what it is granted; places of the network are for its caller to grant.
 * @param gate where the sandbox waits before it starts the command, until it can be read from; closed by the caller
 * @throws MissingProgram, GrantError, Errno (EBUSY: somebody else has the source) or Error; nothing runs then
 */
export function launchCommand(
  type: string,
  server: ServerPolicy,
  mount: CommandMount,
  gate?: OwnedFd,
): EmbeddedServer {
  const {secrets} = server;
  const [name = '', ...rest] = server.command ?? [];
  const program = findProgram(name);
  const way = wayOf(server.command ?? [], server.way);
  let bindings: readonly Binding[] = [];
  const launched = startSandbox(server, 'foreign', (uid, tools, {info, fds}) => {
    const ids = {uid: mount.callerUid, gid: mount.callerGid, 'server-uid': uid};
    const command = [program, ...filledIn(rest, ids)];
    const home = server.state ? STATE_PLACE : '/tmp';
    const user = server.asRoot ? 'root' : 'fuseward';
    const environment = {PATH, HOME: home, USER: user, LOGNAME: user, ...server.environment};
    const isService = way === 'service';
    const runtime = isService ? undefined : findRuntime('adapter');
    const given = Object.entries(secrets).map(([secret, path]) => ({
      name: secret,
      fd: fds.give(openSecret(path)),
    }));
    const started =
      runtime === undefined
        ? serviceFor(command, server, environment, fds)
        : adapterFor(
            planOf(type, {server, command, way, mount}, {environment, secrets: given}),
            server,
            runtime,
            fds,
          );
    // The sandbox's first process holds it until nothing runs in there any more.
    const lock = isService ? undefined : lockOn(mount);
    const lockNumber = lock === undefined ? undefined : fds.give(lock);
    bindings = bindingsFor(type, server, mount, {uid, withSource: !isService});
    return withAttached(bindings, (paths) => {
      const view: CommandView = {
        server,
        uid,
        home,
        bindings: bindings.map(({place, word}, index) => ({word, path: paths[index]!, place})),
        writes: !mount.readOnly || server.state || server.grants.some(({writable}) => writable),
        surroundings: isService ? undefined : {target: mount.target},
        files: [
          ...(isSystemFile(program) ? [] : [program]),
          ...(runtime === undefined ? [] : adapterFiles(runtime)),
        ],
        asPid1: isService,
        lock: lockNumber,
        gate: gate && fds.lend(gate),
      };
      const words = commandSandbox(tools.bubblewrap, {info, more: started.sandboxWords}, view, fds);
      return tools.start([...words, '--', ...started.words], started.environment);
    });
  });
  launched.onSettled = () => {
    for (const each of bindings) each.settle();
  };
  return launched;
}
