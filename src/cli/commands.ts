import type {Command} from './command.js';
import {type Loaders, loaderOf} from './loaders.js';
import {MOUNT_COMMANDS} from './mount-commands.js';

/**
 * The code of each command, loaded when it is called: what the others need to start (HTTP, TOML, the driver) is in no command's way.
 */
const LOADERS: Loaders = {
  ...MOUNT_COMMANDS,
  umount: async () => (await import('./umount/handler.js')).umountCommand,
  ls: async () => (await import('./ls/handler.js')).lsCommand,
  status: async () => (await import('./status/handler.js')).statusCommand,
  stats: async () => (await import('./stats/handler.js')).statsCommand,
  cache: async () => (await import('./cache/handler.js')).cacheCommand,
  top: async () => (await import('./top/handler.js')).topCommand,
  events: async () => (await import('./events/handler.js')).eventsCommand,
  freeze: async () => (await import('./orders/handler.js')).freezeCommand,
  thaw: async () => (await import('./orders/handler.js')).thawCommand,
  sync: async () => (await import('./orders/handler.js')).syncCommand,
  shutdown: async () => (await import('./orders/handler.js')).shutdownCommand,
  daemon: async () => (await import('./daemon/handler.js')).daemonCommand,
  doctor: async () => (await import('./doctor/handler.js')).doctorCommand,
  policy: async () => (await import('./policy/handler.js')).policyCommand,
  mkstripefs: async () => (await import('./mkstripefs/handler.js')).mkstripefsCommand,
  install: async () => (await import('./install/handler.js')).installCommand,
  uninstall: async () => (await import('./uninstall/handler.js')).uninstallCommand,
  completion: async () => (await import('./completion/handler.js')).completionCommand,
  serve: async () => (await import('./serve/handler.js')).serveCommand,
};

/** Loads a command by its name; undefined when there is none. */
export const loadCommand: (name: string) => Promise<Command | undefined> = loaderOf(LOADERS);
