/** Public face of iomap; start reading at `driver.ts`. */
export type {CompletedIo, EndedOperation, IomapDriver, IomapKernel, IomapVolume} from './driver.js';
export * from './mapping.js';
export * from './op-flags.js';
