import type {CommandDefinition} from '../command.js';

/** What mount(8) starts its helpers with (EXTERNAL HELPERS in its manual). */
export const mountFusewardDefinition: CommandDefinition = {
  name: 'mount.fuseward',
  summary: 'what mount(8) starts for the types fuseward and fuseward.TYPE',
  usage: 'mount.fuseward SOURCE TARGET [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t fuseward.TYPE]',
  help: `Started by mount(8) for "mount -t fuseward.ext4 disk.img /mnt" and for lines of fstab(5) with such a type; the type
"fuseward" leaves it to the contained server to find out which file system it is. The exit codes are those of mount(8).`,
  options: {
    type: {
      type: 'string',
      short: 't',
      value: 'TYPE',
      help: 'type of file system, with or without "fuseward."',
    },
    options: {
      type: 'string',
      short: 'o',
      multiple: true,
      value: 'OPTIONS',
      help: 'comma-separated, as for mount(8)',
    },
    fake: {type: 'boolean', short: 'f', help: 'check everything but mount nothing'},
    sloppy: {type: 'boolean', short: 's', help: 'drop options that no driver of ours knows'},
    verbose: {type: 'boolean', short: 'v', help: 'say what was mounted, and which rule of policy allowed it'},
    'no-mtab': {type: 'boolean', short: 'n', help: 'nothing to do: /etc/mtab is the kernel’s own table'},
    namespace: {
      type: 'string',
      short: 'N',
      value: 'NAMESPACE',
      help: 'a mount namespace, by process id or path; no other than the one it is started in',
    },
  },
  positionals: {least: 2, most: 2},
};
