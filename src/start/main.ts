/** The first file of the command, main.cjs: runs main.code.js, or mount.code.js for what mounts. */
import {forgetHeapFlags} from './heap-flags.js';
import {loadCode} from './load-code.js';
import {MOUNTING} from './mounting.js';

declare const module: NodeJS.Module;

forgetHeapFlags();
const code = MOUNTING.includes(process.argv[2] ?? '') ? 'mount' : 'main';
loadCode(`${module.path}/${code}`, module);
