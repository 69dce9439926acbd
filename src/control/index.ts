/** The control channel for everybody but servers: `schemas.ts` brings a validator along and is imported by name. */
export * from './client.js';
export * from './frame.js';
export * from './messages.js';
