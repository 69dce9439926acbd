import {loadCommand} from './commands.js';
import {runProgram} from './program.js';

runProgram(loadCommand);
