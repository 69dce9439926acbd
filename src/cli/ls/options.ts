import type {CommandDefinition} from '../command.js';
import {SOCKET_OPTION} from '../socket-option.js';

export const lsDefinition: CommandDefinition = {
  name: 'ls',
  summary: 'list the mounts of FUSE servers, contained ones and others',
  usage: 'fuseward ls [--json]',
  help: `One line for each mount: its id (the number of its FUSE connection, which may be used as TARGET in other commands), where
it is mounted, what is mounted, the type, how it is, how many points of its server's containment are there, the process id of the
server and since when. On a terminal long paths are shortened in the middle. Without a manager the kernel tells less: whether a server hangs is not known then.`,
  options: {
    json: {type: 'boolean', help: 'print JSON: a list of mounts, each as in GET /v1/mounts/ID'},
    socket: SOCKET_OPTION,
  },
  positionals: {least: 0, most: 0},
};
