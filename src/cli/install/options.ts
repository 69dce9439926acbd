import type {CommandDefinition} from '../command.js';

export const installDefinition: CommandDefinition = {
  name: 'install',
  summary: 'put units, policy directory, helper links, man page and completions in place',
  usage: 'fuseward install [--root DIR] [--dry-run]',
  help: `For a copy that came by npm: a system package has done all this. Says each thing that it does. What an administrator wrote or changed
stays; doing it again changes nothing. "fuseward uninstall" takes out what this put there.`,
  options: {
    root: {
      type: 'string',
      value: 'DIR',
      help: 'the root of another system, an image being made: nothing is started',
      completes: 'directory',
    },
    'dry-run': {type: 'boolean', help: 'only say what would be done'},
  },
  positionals: {least: 0, most: 0},
};
