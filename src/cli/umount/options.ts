import type {CommandDefinition} from '../command.js';

export const umountDefinition: CommandDefinition = {
  name: 'umount',
  summary: 'unmount, and wait until server and loop device are gone',
  usage: 'fuseward umount [--lazy | --force] TARGET',
  help: `Plain umount(8) works as well; this waits until nothing is left.

  -l, --lazy   take the mount out of the tree now, end it when nobody uses it any more
  -f, --force  end requests that hang first`,
  options: {
    lazy: {type: 'boolean', short: 'l'},
    force: {type: 'boolean', short: 'f'},
  },
  positionals: {least: 1, most: 1},
};
