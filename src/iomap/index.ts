/** Public face of iomap; start reading at `driver.ts`. */
export {type IomapCounters, newIomapCounters} from './counters.js';
export type {BackingDevice, IomapControl} from './device-registry.js';
export type {CompletedIo, EndedOperation, IomapDriver, IomapKernel, IomapVolume} from './driver.js';
export {type IomapHooks, type IomapLink, IomapServer} from './iomap-server.js';
export * from './mapping.js';
export {MappingCache, type MappingCacheOptions} from './mapping-cache.js';
export * from './op-flags.js';
