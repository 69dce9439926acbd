export type {CommandOptions, Ended} from './command.js';
export {cannotRunSystemd, type Systemd, startSystemd} from './systemd.js';
