import type {Command} from '../command.js';
import {serveDefinition} from './options.js';

export const serveCommand: Command = {
  definition: serveDefinition,
  async run([type]) {
    // The server is a program of its own, the same file that the launcher hands into its sandbox.
    process.argv[2] = type!;
    await import(new URL('../sandbox/server.js', import.meta.url).href);
    return 0;
  },
};
