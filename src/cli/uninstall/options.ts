import type {CommandDefinition} from '../command.js';

export const uninstallDefinition: CommandDefinition = {
  name: 'uninstall',
  summary: 'take out what "fuseward install" put in place',
  usage: 'fuseward uninstall [--root DIR] [--dry-run]',
  help: `Exactly those files, by the list that the installation left in /var/lib/fuseward. One that was changed since stays and is named.
Mounts and their servers go on.`,
  options: {
    root: {
      type: 'string',
      value: 'DIR',
      help: 'the root of another system, as given to install',
      completes: 'directory',
    },
    'dry-run': {type: 'boolean', help: 'only say what would be done'},
  },
  positionals: {least: 0, most: 0},
};
