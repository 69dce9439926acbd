import type {CommandDefinition} from '../command.js';
import {SOCKET_OPTION} from '../socket-option.js';

export const statsDefinition: CommandDefinition = {
  name: 'stats',
  summary: 'show what a server was asked and how long its answers took',
  usage: 'fuseward stats TARGET [--watch[=SECONDS]] [--json]',
  help: `TARGET is where it is mounted, or its id (see fuseward ls). One line for each kind of request since the mount was made, the
most frequent first: how many, how many of them were answered with an error, within which time half of them, 90 % and 99 % were
answered, the longest time, and the bytes of requests and answers. Errors such as ENOENT are often what a program wanted to
know, and ENOSYS tells the kernel that it need not ask that again. The times are those of the server; the kernel's part is not in them.`,
  options: {
    watch: {
      type: 'string',
      value: 'SECONDS',
      standsFor: '1',
      help: 'show what came since the last look, every second or every SECONDS; q quits',
    },
    json: {
      type: 'boolean',
      help: 'print JSON as in GET /v1/mounts/ID/stats; with --watch one line each time',
    },
    socket: SOCKET_OPTION,
  },
  positionals: {least: 1, most: 1, completes: ['mount']},
};
