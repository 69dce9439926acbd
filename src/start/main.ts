/** The first file of the command: NAME.cjs runs NAME.code.js. */
import {forgetHeapFlag} from './heap-flag.js';
import {loadCode} from './load-code.js';

declare const module: NodeJS.Module;

forgetHeapFlag();
loadCode(__filename.replace(/\.c?js$/, ''), module);
