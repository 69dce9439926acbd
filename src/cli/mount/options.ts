import type {CommandDefinition} from '../command.js';

export const mountDefinition: CommandDefinition = {
  name: 'mount',
  summary: 'mount a file system through a contained server',
  usage: 'fuseward mount [-t TYPE] [-o OPTIONS] [--policy DIR] [--json] SOURCE TARGET',
  help: `SOURCE is an image file or a block device, or what policy's command for TYPE takes: a directory, a name;
TARGET a directory, or for type "raw" a regular file.
Returns when the first look at TARGET works. Options of type raw: offset=BYTES, size=BYTES. Type
stripefs: member=PATTERN for each image that the superblock may name, where policy lists none; relative ones begin where it lies.`,
  options: {
    type: {
      type: 'string',
      short: 't',
      value: 'TYPE',
      completes: ['ext2', 'ext3', 'ext4', 'raw', 'stripefs'],
      help: 'ext2, ext3, ext4, raw, any type served in /run/filesystems or with a command in policy; found out when missing',
    },
    options: {
      type: 'string',
      short: 'o',
      multiple: true,
      value: 'OPTIONS',
      help: 'comma-separated, as for mount(8); may be given several times',
    },
    policy: {
      type: 'string',
      value: 'DIR',
      completes: 'directory',
      help: 'policy directory instead of /etc/fuseward/policy.d',
    },
    json: {type: 'boolean', help: 'print the result, or the failure, as JSON'},
    // What a manager holds, when it is the one who asks.
    'held-policy': {type: 'string'},
    // The manager hears of it anyway when it is the one who asked.
    'no-announce': {type: 'boolean'},
    // It meets the server before the mount is there.
    'for-manager': {type: 'boolean'},
  },
  positionals: {least: 2, most: 2, completes: ['file', 'directory']},
};
