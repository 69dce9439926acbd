import type {Loaders} from './loaders.js';

/** The commands that mount. Their code is a file of its own (`mount-main.ts`), since what they do is waited for. */
export const MOUNT_COMMANDS: Loaders = {
  mount: async () => (await import('./mount/handler.js')).mountCommand,
  // By the names of the programs in bin/ that start these; no list of commands has them.
  'mount.fuseward': async () => (await import('./mount-fuseward/handler.js')).mountFusewardCommand,
  fuservicemount3: async () => (await import('./fuservicemount3/handler.js')).fuservicemountCommand,
  // The manager starts these.
  'wait-for-order': async () => (await import('./wait-for-order/handler.js')).waitForOrderCommand,
  'user-mount': async () => (await import('./user-mount/handler.js')).userMountCommand,
};
