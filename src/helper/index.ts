export {type Connection, noDriver} from './connection.js';
export * from './errors.js';
export {type Examined, examine} from './examine.js';
export {isSubtype, subtypeOf} from './fs-type.js';
export type {IomapResult} from './fuse-device.js';
export * from './mount.js';
export * from './mount-policy.js';
export type {ProcessName, ServingProcess} from './serving-process.js';
export * from './unmount.js';
