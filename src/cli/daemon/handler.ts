import type {Command} from '../command.js';
import {importProgram} from '../import-file.js';
import {daemonDefinition} from './options.js';
import {daemonSettings} from './settings.js';

export const daemonCommand: Command = {
  definition: daemonDefinition,
  async run(_positionals, values) {
    const settings = daemonSettings(values);
    // Its packages take longer to load than a whole mount takes, so they are in no command's way. The path is as seen from
    // the one file that all commands are built into.
    const program = new URL('./daemon/run.js', import.meta.url);
    const {runDaemon} = (await importProgram(program)) as typeof import('./run.js');
    return await runDaemon(settings);
  },
};
