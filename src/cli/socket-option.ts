import type {OptionDefinition} from './command.js';

/** Where the manager listens unless told otherwise. */
export const ADMIN_SOCKET = '/run/fuseward/admin.sock';

/** Names another socket, for those who can't give the option each time. */
export const SOCKET_VARIABLE = 'FUSEWARD_SOCKET';

/** The option of every command that asks the manager. */
export const SOCKET_OPTION: OptionDefinition = {
  type: 'string',
  value: 'PATH',
  completes: 'file',
  help: `ask the manager on this socket instead of ${ADMIN_SOCKET}`,
};
