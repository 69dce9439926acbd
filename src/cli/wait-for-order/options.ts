import type {CommandDefinition} from '../command.js';

/** The manager starts it; people have no use for it, so no list has it. */
export const waitForOrderDefinition: CommandDefinition = {
  name: 'wait-for-order',
  summary: 'be a mount command that is loaded and has a server, for the manager',
  usage: 'fuseward wait-for-order --type TYPE [--policy DIR]',
  help: `Descriptor 3 is a socket of the manager, who says over it when it waits no more and which command it is to be.`,
  options: {
    type: {type: 'string'},
    policy: {type: 'string'},
    'held-policy': {type: 'string'},
  },
  positionals: {least: 0, most: 0},
};
