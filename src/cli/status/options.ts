import type {CommandDefinition} from '../command.js';
import {SOCKET_OPTION} from '../socket-option.js';

export const statusDefinition: CommandDefinition = {
  name: 'status',
  summary: 'tell how a mount is and how its server is contained',
  usage: 'fuseward status TARGET [--json]',
  help: `TARGET is where it is mounted, or its id (see fuseward ls). The line "seal" sums up how the server is contained; each point is
verified (the kernel says so), reported (the server's own word) or missing. The health is told by the manager, if there is one.`,
  options: {
    json: {type: 'boolean', help: 'print JSON'},
    socket: SOCKET_OPTION,
  },
  positionals: {least: 1, most: 1, completes: ['mount']},
};
