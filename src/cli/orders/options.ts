import type {CommandDefinition} from '../command.js';
import {SOCKET_OPTION} from '../socket-option.js';

/** A command that asks the manager to give one order to the server of a mount. */
function order(name: string, summary: string, help: string): CommandDefinition {
  return {
    name,
    summary,
    usage: `fuseward ${name} TARGET`,
    help: `${help}
TARGET is where it is mounted, or its id (see fuseward ls).`,
    options: {socket: SOCKET_OPTION},
    positionals: {least: 1, most: 1, completes: ['mount']},
  };
}

export const freezeDefinition = order(
  'freeze',
  'hold requests that would change something',
  `Requests that would change the file system wait until "fuseward thaw", so that its image can be copied in one state. Reading
goes on. Programs that write to the mount stand still meanwhile.`,
);

export const thawDefinition = order(
  'thaw',
  'let requests go on that "freeze" holds',
  'Requests that were held are carried out, in the order in which they came. On a mount that is not frozen nothing happens.',
);

export const syncDefinition = order(
  'sync',
  'have a server write out what it keeps in memory',
  'Returns when everything that the server had not yet written is in its image.',
);

export const shutdownDefinition = order(
  'shutdown',
  'have a mount answer everything with an error from now on',
  `Every request is answered with EIO ("Input/output error") from now on, whoever makes it, and there is no way back: the mount
can only be unmounted. For an image that must not be touched any more while files on it are still open.`,
);
