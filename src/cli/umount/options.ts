import type {CommandDefinition} from '../command.js';

export const umountDefinition: CommandDefinition = {
  name: 'umount',
  summary: 'unmount, and wait until server and loop device are gone',
  usage: 'fuseward umount [--lazy | --force] TARGET',
  help: 'Plain umount(8) works as well; this waits until nothing is left.',
  options: {
    lazy: {
      type: 'boolean',
      short: 'l',
      help: 'take the mount out of the tree now, end it when nobody uses it any more',
    },
    force: {type: 'boolean', short: 'f', help: 'end requests that hang first'},
    'mount-id': {
      type: 'string',
      value: 'ID',
      help: 'only the mount with this id (see fuseward ls), and no other at TARGET',
    },
    json: {type: 'boolean', help: 'tell a failure as JSON'},
    // The manager hears of it anyway when it is the one who asked.
    'no-announce': {type: 'boolean'},
  },
  positionals: {least: 1, most: 1, completes: ['mount']},
};
