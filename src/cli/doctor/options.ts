import type {CommandDefinition} from '../command.js';

export const doctorDefinition: CommandDefinition = {
  name: 'doctor',
  summary: 'tell what this machine has and lacks for contained mounts',
  usage: 'fuseward doctor [--containment [--unit TEMPLATE]] [--policy DIRECTORY] [--json]',
  help: `Exit code 0 when contained mounts work here, 1 when something that they need is missing. With --containment a contained process
tries what a server must not be able to do: 0 when all of it was stopped, 1 when something got through.`,
  options: {
    containment: {type: 'boolean', help: 'have a contained process try forbidden acts (root)'},
    unit: {
      type: 'string',
      value: 'TEMPLATE',
      help: 'with --containment: in the sandbox of this unit, such as fuseward-ext4@, instead of the launcher',
    },
    policy: {
      type: 'string',
      value: 'DIRECTORY',
      help: 'the policy that the probe is started by',
      completes: 'directory',
    },
    json: {type: 'boolean', help: 'print JSON'},
  },
  positionals: {least: 0, most: 0},
};
