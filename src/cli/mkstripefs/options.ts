import type {CommandDefinition} from '../command.js';

export const mkstripefsDefinition: CommandDefinition = {
  name: 'mkstripefs',
  summary: 'stripe files over images and write the superblock that mounts them',
  usage: 'fuseward mkstripefs --member IMAGE... [--chunk SIZE] [--block-size SIZE] SUPERBLOCK FILE...',
  help: `Makes the IMAGEs, copies each FILE into them (directories with all that is in them), and writes SUPERBLOCK, a JSON text that says where
everything lies. What is larger than a chunk is striped over all images, the rest lies on one. Nothing that exists is written over, and
nothing is left when it fails. Prints the command that mounts the result.`,
  options: {
    member: {
      type: 'string',
      multiple: true,
      value: 'IMAGE',
      help: 'an image to make; once for each, 16 at most',
      completes: 'file',
    },
    chunk: {type: 'string', value: 'SIZE', help: 'bytes that lie together, a power of two; 64K unless told'},
    'block-size': {
      type: 'string',
      value: 'SIZE',
      help: 'what everything is a multiple of, a power of two from 512 to 64K; 4K unless told',
    },
  },
  positionals: {least: 2, most: 4096, completes: ['file', 'file']},
};
