import type {Command} from '../command.js';
import {importProgram} from '../import-file.js';
import {serveDefinition} from './options.js';
import {withoutRings} from './without-rings.js';

export const serveCommand: Command = {
  definition: serveDefinition,
  async run([type], values) {
    withoutRings();
    // The server is a program of its own, the same file that the launcher hands into its sandbox.
    const settings = ['cache-bytes', 'busy-poll-microseconds'].flatMap((name) => {
      const value = values[name];
      return value === undefined ? [] : [`--${name}=${value}`];
    });
    process.argv.splice(2, Infinity, type!, ...settings);
    await importProgram(new URL('../sandbox/server.js', import.meta.url));
    return 0;
  },
};
