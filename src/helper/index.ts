export type {Connection} from './connection.js';
export * from './errors.js';
export {isSubtype, subtypeOf} from './fs-type.js';
export type {IomapResult} from './fuse-device.js';
export * from './mount.js';
export * from './mount-policy.js';
export * from './unmount.js';
