export type {CommandOptions, Ended} from './command.js';
export {cannotRunSystemd, type Systemd, startSystemd} from './systemd.js';
export {addDropIn, installUnits, removeDropIn} from './units.js';
