import type {CommandDefinition} from '../command.js';

/** The manager starts it; people have no use for it, so no list has it. */
export const userMountDefinition: CommandDefinition = {
  name: 'user-mount',
  summary: 'mount what a user opened, for the manager',
  usage: 'fuseward user-mount [-t TYPE] [-o OPTIONS] [--policy DIR]',
  help: `Descriptor 3 is a connection to an ordinary user, who is asked for source and target over it and gets the answer.`,
  options: {
    type: {type: 'string', short: 't'},
    options: {type: 'string', short: 'o', multiple: true},
    policy: {type: 'string'},
    'held-policy': {type: 'string'},
  },
  positionals: {least: 0, most: 0},
};
