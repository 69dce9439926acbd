import {loaderOf} from './loaders.js';
import {MOUNT_COMMANDS} from './mount-commands.js';
import {runProgram} from './program.js';

runProgram(loaderOf(MOUNT_COMMANDS));
