import type {CommandDefinition} from '../command.js';
import {SOCKET_OPTION} from '../socket-option.js';
import {SORT_KEYS} from './sorting.js';

export const topDefinition: CommandDefinition = {
  name: 'top',
  summary: 'show what all mounts are doing, live',
  usage: 'fuseward top [--sort KEY] [--interval SECONDS] [--once | --count N]',
  help: `One line for each mount, the busiest first: requests, errors and bytes a second, the time within which 99 % of the requests were
answered, hits of the block cache, requests at the server, its share of a CPU and its memory. Drawn again each second. Keys: q
quits; o, e, r, w, p, h, c, m and n sort by requests (operations), errors, bytes read, bytes written, p99, hit rate, CPU, memory
and name. When the output is not a terminal, or with --once or --count, plain lines are printed, each with the time in front.`,
  options: {
    sort: {
      type: 'string',
      value: 'KEY',
      completes: Object.keys(SORT_KEYS),
      help: `what to sort by first: ${Object.keys(SORT_KEYS).join(', ')}`,
    },
    interval: {type: 'string', value: 'SECONDS', help: 'look that often instead of each second'},
    once: {type: 'boolean', help: 'print one second in plain lines, and end'},
    count: {type: 'string', value: 'N', help: 'do that N times, and end'},
    socket: SOCKET_OPTION,
  },
  positionals: {least: 0, most: 0},
};
