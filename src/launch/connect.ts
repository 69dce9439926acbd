import {existsSync} from 'node:fs';
import {isTypeName, type ServerPolicy, wayOf} from '../policy/index.js';
import {Errno} from '../sys/errno.js';
import type {OwnedFd} from '../sys/fd.js';
import {connectSeqpacket} from '../sys/socket.js';
import {launchCommand} from './command.js';
import type {CommandMount} from './command-mount.js';
import {launchWaiting} from './command-network.js';
import {CommandUnit} from './command-unit.js';
import {launchEmbedded} from './embedded.js';
import type {EmbeddedServer} from './embedded-server.js';
import type {HeldServer} from './held-server.js';
import {BUILTIN_TYPES, SERVICE_DIRECTORY, UNNAMED} from './own-types.js';

/** How long a service may leave its backlog full; the whole process stands still meanwhile. */
const CONNECT_MS = 5_000;

/** A server ready for the conversation. */
export interface Connection {
  readonly socket: OwnedFd;
  readonly kind: 'socket' | 'embedded';
  readonly server?: EmbeddedServer;
  /** It was told hello already. */
  readonly greeted?: boolean;
  /** To be called before the conversation begins, where it is there: the command waits for its network. @throws Error or Errno; nothing runs then */
  readonly open?: () => Promise<void>;
  /** The service is a unit that runs policy's command. */
  readonly unit?: CommandUnit;
}

/** The service socket of a type, connected; undefined when nobody serves it. */
function connectService(type: string, directory: string): OwnedFd | undefined {
  try {
    return connectSeqpacket(`${directory}/${type}`, {timeoutMs: CONNECT_MS});
  } catch (error) {
    if (error instanceof Errno && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED'))
      return undefined;
    throw error;
  }
}

/** Whether there may be a server for `type`, by what lies ready: nothing is connected to or started. */
export function hasServer(
  type: string | undefined,
  {driver, command}: ServerPolicy,
  directory: string = SERVICE_DIRECTORY,
): boolean {
  const wanted = type ?? UNNAMED;
  const ours = BUILTIN_TYPES.includes(wanted) || command !== undefined;
  if (ours && driver !== 'socket') return true;
  return driver !== 'builtin' && isTypeName(wanted) && existsSync(`${directory}/${wanted}`);
}

/**
 * Reaches a server for `type`, as policy's `server.driver` says: the service socket if one is served, else a server in a sandbox of
 * our own, which is policy's command where there is one. Undefined when there is neither; the caller may fall back to an ordinary mount.
 * @param mount what a command is started for
 * @param held a server that was started already, taken where one of our own would be started just as it was
 * @throws MissingProgram, GrantError; Error or Errno
 */
export function connectServer(
  type: string | undefined,
  policy: ServerPolicy,
  mount: CommandMount,
  {directory = SERVICE_DIRECTORY, held}: {directory?: string; held?: HeldServer | undefined} = {},
): Connection | undefined {
  const wanted = type ?? UNNAMED;
  if (!isTypeName(wanted)) return undefined;
  const {driver, command} = policy;
  const socket = type !== undefined && driver !== 'builtin' ? connectService(wanted, directory) : undefined;
  if (socket !== undefined) {
    const isUnit = command !== undefined && wayOf(command, policy.way) !== 'service';
    return {socket, kind: 'socket', ...(isUnit ? {unit: new CommandUnit(wanted, policy, mount)} : {})};
  }
  if (driver === 'socket' || !(BUILTIN_TYPES.includes(wanted) || command !== undefined)) return undefined;
  if (command !== undefined && typeof policy.network !== 'string') {
    const {server, open} = launchWaiting(wanted, policy, mount);
    return {socket: server.socket, kind: 'embedded', server, open};
  }
  const taken = command === undefined ? held?.take(wanted, policy) : undefined;
  if (taken !== undefined)
    return {socket: taken.socket, kind: 'embedded', server: taken, greeted: held!.greeted};
  const server =
    command === undefined ? launchEmbedded(wanted, policy) : launchCommand(wanted, policy, mount);
  return {socket: server.socket, kind: 'embedded', server};
}
