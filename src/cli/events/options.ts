import type {CommandDefinition} from '../command.js';
import {SOCKET_OPTION} from '../socket-option.js';

export const eventsDefinition: CommandDefinition = {
  name: 'events',
  summary: 'tell what happens to mounts, as it happens',
  usage: 'fuseward events [--since ID] [--count N] [--json]',
  help: `One line for each event: when, its number, what (mounted, unmounted, server-died, denied, slow-request, request-overdue, health, stale, cleaned, policy-reloaded,
policy-refused, protocol), where, and what else is known. Goes on until it is interrupted. When the manager is started anew it connects again
and says so; what happened without a manager nobody can tell.`,
  options: {
    since: {
      type: 'string',
      value: 'ID',
      help: 'begin with those after this one that are still kept; 0 for all',
    },
    count: {type: 'string', value: 'N', help: 'end after N events'},
    json: {type: 'boolean', help: 'print one JSON object a line, as in GET /v1/events'},
    socket: SOCKET_OPTION,
  },
  positionals: {least: 0, most: 0},
};
