import type {CommandDefinition} from '../command.js';

export const mountDefinition: CommandDefinition = {
  name: 'mount',
  summary: 'mount a file system through a contained server',
  usage: 'fuseward mount [-t TYPE] [-o OPTIONS] [--json] SOURCE TARGET',
  help: `SOURCE is an image file or a block device; TARGET a directory, or for type "raw" a regular file.
Returns when the first look at TARGET works.

  -t, --type TYPE        ext2, ext3, ext4, raw, or any type served in /run/filesystems;
                         found out by the contained server when missing
  -o, --options OPTIONS  comma-separated, as for mount(8); may be given several times
      --policy DIR       policy directory instead of /etc/fuseward/policy.d
      --json             tell the result as JSON

Options of type raw: offset=BYTES, size=BYTES.`,
  options: {
    type: {type: 'string', short: 't'},
    options: {type: 'string', short: 'o', multiple: true},
    policy: {type: 'string'},
    json: {type: 'boolean'},
  },
  positionals: {least: 2, most: 2},
};
