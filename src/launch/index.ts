export {BUILTIN_TYPES, type Connection, connectServer, hasServer, SERVICE_DIRECTORY} from './connect.js';
export {findTool, launchContained, launchEmbedded} from './embedded.js';
export {EmbeddedServer} from './embedded-server.js';
export {RUN_DIRECTORY, withLaunchLock} from './lock.js';
export {
  expectedOf,
  lackingOf,
  lookAtServer,
  type Seal,
  type SealPoint,
  type SealState,
  type ServerLook,
  sealLine,
  sealOf,
  sealOfUnknown,
} from './seal.js';
export type {Expected} from './seal-judges.js';
