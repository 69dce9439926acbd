import type {CommandDefinition} from '../command.js';

export const serveDefinition: CommandDefinition = {
  name: 'serve',
  summary: 'be the contained server (started by a socket unit or the launcher)',
  usage: 'fuseward serve [--cache-bytes N] [--busy-poll-microseconds N] TYPE',
  help: `Not for people: expects the connected service socket as file descriptor 3, with LISTEN_FDS=1 and
LISTEN_PID set to its own process id, as systemd passes it to a service of a socket with Accept=yes.
TYPE is ext2, ext3, ext4, raw, auto, or any: what the mount helper asks for.`,
  options: {
    'cache-bytes': {
      type: 'string',
      value: 'N',
      help: 'bytes of metadata to keep in memory, 16777216 unless told',
    },
    'busy-poll-microseconds': {
      type: 'string',
      value: 'N',
      help: 'how long to look for the next request before sleeping, 50 unless told; 0: not at all',
    },
  },
  positionals: {least: 1, most: 1},
};
