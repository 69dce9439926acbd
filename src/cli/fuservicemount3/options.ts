import type {CommandDefinition} from '../command.js';

/** libfuse's mount helper of contained servers, by its command line. */
export const fuservicemountDefinition: CommandDefinition = {
  name: 'fuservicemount3',
  summary: 'libfuse’s way to mount through a service socket',
  usage: 'fuservicemount3 SOURCE TARGET -t TYPE [-o OPTIONS]\n       fuservicemount3 -t TYPE --check',
  help: `Mounts through the server that listens on /run/filesystems/TYPE, and through no other. Exit codes: 0 done, 1 failed, 2 nobody
serves TYPE, so that the caller can fall back to an ordinary mount.`,
  options: {
    type: {type: 'string', short: 't', value: 'TYPE', help: 'TYPE, fuse.TYPE or fuseblk.TYPE'},
    options: {
      type: 'string',
      short: 'o',
      multiple: true,
      value: 'OPTIONS',
      help: 'comma-separated, as for mount(8)',
    },
    check: {
      type: 'boolean',
      help: 'only tell whether there is a socket for TYPE that the caller may write to',
    },
  },
  positionals: {least: 0, most: 2},
};
