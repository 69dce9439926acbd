import type {Command} from './command.js';

/**
 * The code of each command, loaded when it is called: what the others need to start (HTTP, TOML, the driver) is in no command's way.
 */
const LOADERS: Readonly<Record<string, () => Promise<Command>>> = {
  mount: async () => (await import('./mount/handler.js')).mountCommand,
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
  // By the names of the programs in bin/ that start these; no list of commands has them.
  'mount.fuseward': async () => (await import('./mount-fuseward/handler.js')).mountFusewardCommand,
  fuservicemount3: async () => (await import('./fuservicemount3/handler.js')).fuservicemountCommand,
  // The manager starts these.
  'wait-for-order': async () => (await import('./wait-for-order/handler.js')).waitForOrderCommand,
  'user-mount': async () => (await import('./user-mount/handler.js')).userMountCommand,
};

/** Loads a command by its name; undefined when there is none. */
export async function loadCommand(name: string): Promise<Command | undefined> {
  return Object.hasOwn(LOADERS, name) ? await LOADERS[name]!() : undefined;
}
