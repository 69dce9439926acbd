export * from './field.js';
export * from './struct.js';
