import type {CommandDefinition} from '../command.js';
import {SOCKET_OPTION} from '../socket-option.js';

export const policyDefinition: CommandDefinition = {
  name: 'policy',
  summary: 'check policy files, explain what they say to a mount, have them read again',
  usage: 'fuseward policy check [FILE | DIR] | explain [--user USER] SOURCE TARGET | units | schema | reload',
  help: `check reads a file, or all files of a directory (/etc/fuseward/policy.d unless told), and tells everything that is wrong; exit
code 1 if anything is. explain tells whether a mount would be allowed, what each rule says to it, and every setting with its file
and line, without mounting; exit code 1 if it would be denied. units prints drop-ins with which systemd holds servers to the limits
of the policy, and the units of commands; schema prints a JSON schema of the files. reload has the manager read the files again; if one of them is wrong, all stays as it was.`,
  options: {
    user: {
      type: 'string',
      value: 'USER',
      help: 'explain it for this user, by name or number, and not for yourself',
    },
    type: {
      type: 'string',
      short: 't',
      value: 'TYPE',
      completes: ['ext2', 'ext3', 'ext4', 'raw', 'stripefs'],
      help: 'type of the mount that explain is asked about',
    },
    options: {
      type: 'string',
      short: 'o',
      multiple: true,
      value: 'OPTIONS',
      help: 'its options',
    },
    policy: {
      type: 'string',
      value: 'DIR',
      completes: 'directory',
      help: 'policy directory instead of /etc/fuseward/policy.d',
    },
    write: {
      type: 'string',
      value: 'DIR',
      completes: 'directory',
      help: 'write units and drop-ins there, as under /etc/systemd/system',
    },
    json: {type: 'boolean', help: 'print JSON'},
    socket: SOCKET_OPTION,
  },
  positionals: {
    least: 1,
    most: 3,
    completes: [['check', 'explain', 'units', 'schema', 'reload'], 'file', 'directory'],
  },
};
