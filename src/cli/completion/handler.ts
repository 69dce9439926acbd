import {type Command, EXIT, output, UsageError} from '../command.js';
import {DEFINITIONS} from '../definitions.js';
import {bashCompletion} from './bash.js';
import {completionDefinition, SHELLS} from './options.js';
import {zshCompletion} from './zsh.js';

const SCRIPTS = {bash: bashCompletion, zsh: zshCompletion} as const;

export const completionCommand: Command = {
  definition: completionDefinition,
  run([name]) {
    const shell = SHELLS.find((one) => one === name);
    if (shell === undefined) throw new UsageError(`"${name}" is not one of ${SHELLS.join(', ')}`);
    output().write(SCRIPTS[shell](DEFINITIONS));
    return EXIT.done;
  },
};
