import type {Command} from '../command.js';
import {importProgram} from '../import-file.js';
import {serveDefinition} from './options.js';

export const serveCommand: Command = {
  definition: serveDefinition,
  async run([type], values) {
    // The server is a program of its own, the same file that the launcher hands into its sandbox.
    const cache = values['cache-bytes'];
    process.argv.splice(2, Infinity, type!, ...(cache === undefined ? [] : [`--cache-bytes=${cache}`]));
    await importProgram(new URL('../sandbox/server.js', import.meta.url));
    return 0;
  },
};
