import type {CommandDefinition} from '../command.js';

export const umountDefinition: CommandDefinition = {
  name: 'umount',
  summary: 'unmount, and wait until server and loop device are gone',
  usage: 'fuseward umount [--lazy | --force] TARGET',
  help: `TARGET is where it is mounted, or its id (see fuseward ls). Plain umount(8) works as well; this waits until nothing is left.`,
  options: {
    lazy: {
      type: 'boolean',
      short: 'l',
      help: 'take it out of the tree now, end it when nobody uses it any more',
    },
    force: {type: 'boolean', short: 'f', help: 'end requests that hang first; programs get errors for them'},
    'mount-id': {
      type: 'string',
      value: 'NUMBER',
      help: 'only if the topmost mount at TARGET has this number in /proc/self/mountinfo',
    },
    json: {type: 'boolean', help: 'print a failure as JSON'},
    // The manager hears of it anyway when it is the one who asked.
    'no-announce': {type: 'boolean'},
  },
  positionals: {least: 1, most: 1, completes: ['mount']},
};
