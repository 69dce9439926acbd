export {BUILTIN_TYPES, type Connection, connectServer, hasServer, SERVICE_DIRECTORY} from './connect.js';
export {findTool, launchEmbedded} from './embedded.js';
export {EmbeddedServer} from './embedded-server.js';
export {RUN_DIRECTORY, withLaunchLock} from './lock.js';
