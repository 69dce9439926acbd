import type {CommandDefinition} from '../command.js';

export const statusDefinition: CommandDefinition = {
  name: 'status',
  summary: 'tell how a mount is and how its server is contained',
  usage: 'fuseward status TARGET [--json]',
  help: `Everything shown is read from the kernel (/proc, /sys), not asked of the server.

      --json  tell it as JSON`,
  options: {json: {type: 'boolean'}},
  positionals: {least: 1, most: 1},
};
