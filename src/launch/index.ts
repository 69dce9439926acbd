export type {CommandMount, CommandMountSource} from './command-mount.js';
export {findProgram, MissingProgram, PROGRAM_DIRECTORIES} from './command-program.js';
export * as commandSandbox from './command-sandbox.js';
export {type Connection, connectServer, hasServer} from './connect.js';
export {launchContained, launchEmbedded} from './embedded.js';
export {EmbeddedServer} from './embedded-server.js';
export {GrantError} from './granted-path.js';
export {RUN_DIRECTORY, withLaunchLock} from './lock.js';
export {NetworkError} from './network.js';
export {BUILTIN_TYPES, SERVICE_DIRECTORY, startsOwn} from './own-types.js';
export {findRuntime, type Runtime} from './runtime.js';
export {runtimeFlags} from './sandbox.js';
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
export {findTool} from './tools.js';
export {StrangeUnit, topOf} from './unit-namespace.js';
