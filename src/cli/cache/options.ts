import type {CommandDefinition} from '../command.js';
import {SOCKET_OPTION} from '../socket-option.js';

export const cacheDefinition: CommandDefinition = {
  name: 'cache',
  summary: "show a server's caches, drop what they hold, or change their limit",
  usage: 'fuseward cache TARGET [--drop | --limit SIZE] [--json]',
  help: `TARGET is where it is mounted, or its id (see fuseward ls). Shows for each cache what it holds and how often it was asked. A
miss has a reason: "cold" was never asked for before, "evicted" had to make room earlier, "invalidated" was dropped or had
become untrue, "bypassed" is not meant to be kept. Hit rates of the last 10 seconds and the last minute need a manager, and so do
--drop and --limit. The kernel's own caches (dentries, inodes, pages) are in front of these; they are not counted here.`,
  options: {
    drop: {type: 'boolean', help: 'forget everything that can be read again, then show the caches'},
    limit: {
      type: 'string',
      value: 'SIZE',
      help: 'keep at most SIZE bytes of blocks from now on; K, M, G and T are powers of 1024',
    },
    json: {type: 'boolean', help: 'print JSON as in GET /v1/mounts/ID/cache'},
    socket: SOCKET_OPTION,
  },
  positionals: {least: 1, most: 1, completes: ['mount']},
};
