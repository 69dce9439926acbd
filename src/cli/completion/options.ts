import type {CommandDefinition} from '../command.js';

/** Shells that completion is made for. */
export const SHELLS = ['bash', 'zsh'] as const;

export const completionDefinition: CommandDefinition = {
  name: 'completion',
  summary: 'print what makes a shell complete commands, options and mounts',
  usage: 'fuseward completion bash|zsh',
  help: `For the shell that runs now: eval "$(fuseward completion bash)". To have it always, put the output into
/usr/share/bash-completion/completions/fuseward, or for zsh into a file _fuseward in a directory of $fpath.`,
  options: {},
  positionals: {least: 1, most: 1, completes: [SHELLS]},
};
