import type {CommandPlan} from '../control/command-plan.js';
import {type ServerPolicy, wayOf} from '../policy/index.js';
import {Errno, errnoOf} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import {flockFd, O_NONBLOCK, O_RDONLY, type OwnedFd, reopenFd, statFd} from '../sys/fd.js';
import type {OwnerMapping} from '../sys/mount-attributes.js';
import {type Binding, deviceBinding, fileBinding} from './binding.js';
import type {CommandMount} from './command-mount.js';
import {findProgram} from './command-program.js';
import {SOURCE_PLACE, STATE_PLACE, TARGET_PLACE} from './command-sandbox.js';
import {GrantError, openGranted} from './granted-path.js';
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
  // A user's mount has his rights and nobody else's. Of a file that he has open for reading, by whatever group, that is all that there is to have.
  const isOpened = source.kind === 'file' && source.given && readOnly;
  const isOwners = callerUid === 0 || isOpened;
  const mapping = isOwners ? mappingOf(source.fd, uid) : {uid: callerUid, gid: callerGid, to: uid};
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
export function bindingsFor(
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
export function lockOn({source}: CommandMount): OwnedFd | undefined {
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

const BOUND = {kind: 'bound', path: SOURCE_PLACE} as const;

/** Whether a command may write to any file of the machine. */
export function mayWrite({state, grants}: ServerPolicy, {readOnly}: CommandMount): boolean {
  return !readOnly || state || grants.some(({writable}) => writable);
}

/** Where a command's own files are, for its environment and its /etc/passwd. */
export function homeOf(server: ServerPolicy): string {
  return server.state ? STATE_PLACE : '/tmp';
}

/**
 * The words of policy's command for a mount, with its program's path, and all of its environment.
 * @param uid the user id that it runs under
 * @throws MissingProgram
 */
export function commandFor(
  server: ServerPolicy,
  mount: CommandMount,
  uid: number,
): Pick<CommandPlan, 'command' | 'environment'> {
  const [name = '', ...rest] = server.command ?? [];
  const ids = {uid: mount.callerUid, gid: mount.callerGid, 'server-uid': uid};
  const user = server.asRoot ? 'root' : 'fuseward';
  return {
    command: [findProgram(name), ...filledIn(rest, ids)],
    environment: {PATH, HOME: homeOf(server), USER: user, LOGNAME: user, ...server.environment},
  };
}

/** What the adapter is told of a mount. */
export function planOf(
  type: string,
  server: ServerPolicy,
  {source}: CommandMount,
  parts: Pick<CommandPlan, 'command' | 'environment' | 'secrets'>,
): CommandPlan {
  const way = wayOf(server.command ?? [], server.way);
  return {
    type,
    way: way === 'service' ? 'auto' : way,
    source: source.kind === 'name' ? {kind: 'name', text: source.path} : BOUND,
    target: TARGET_PLACE,
    network: server.network,
    ...parts,
  };
}
