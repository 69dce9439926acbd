import {rmSync} from 'node:fs';
import {pathToFileURL} from 'node:url';
import {bundle} from './bundle.mjs';

// Runs a TypeScript program of the checkout: node test/support/start.mjs ENTRY [ARGUMENTS]
const [, , entry, ...rest] = process.argv;
if (entry === undefined) throw new Error('usage: start.mjs ENTRY [ARGUMENTS]');
const program = await bundle(entry);
process.on('exit', () => rmSync(program, {force: true}));
process.argv = [process.argv[0], program, ...rest];
await import(pathToFileURL(program).href);
