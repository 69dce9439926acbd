import type {CommandDefinition} from '../command.js';

export const doctorDefinition: CommandDefinition = {
  name: 'doctor',
  summary: 'tell what this machine has and lacks for contained mounts',
  usage: 'fuseward doctor [--json]',
  help: 'Exit code 0 when contained mounts work here, 1 when something that they need is missing.',
  options: {json: {type: 'boolean', help: 'print JSON'}},
  positionals: {least: 0, most: 0},
};
