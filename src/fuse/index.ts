/** Public face of the FUSE library; start reading at `file-system.ts`. */
export * from './attributes.js';
export type {RequestContext} from './context.js';
export {
  COUNTER_FIELDS,
  COUNTER_ROWS,
  COUNTERS_BYTE_LENGTH,
  CounterArray,
  LATENCY_BUCKETS,
  type OperationCounts,
  type Serving,
  type SessionCounters,
} from './counters.js';
export {
  type BlockingOptions,
  type ConnectionEnd,
  notifyVia,
  replyTo,
  runBlocking,
  serveEvents,
} from './device-transport.js';
export {DirentList, DirentPlusList} from './directory-list.js';
export {type RequestExtensions, readExtensions, type SecurityContext} from './extensions.js';
export {Failure, fail, failure} from './failure.js';
export type {Answer, FileSystem} from './file-system.js';
export * from './flags/attr-flags.js';
export * from './flags/fopen-flags.js';
export {INIT_FLAGS, type InitFlag, InitFlagSet} from './flags/init-flags.js';
export * from './flags/ioctl-flags.js';
export * from './flags/request-flags.js';
export * from './flags/setattr-flags.js';
export {
  type ConnectionInfo,
  type InitOptions,
  IOMAP_MINOR,
  LARGEST_WRITE,
  OLDEST_MINOR,
  PROTOCOL_MAJOR,
  PROTOCOL_MINOR,
} from './init.js';
export {InvalidReplyError} from './invalid-reply.js';
export {LookupCounts} from './lookup-counts.js';
export {modifies} from './modifying.js';
export {NodeTypes} from './node-types.js';
export {Notifier, type RetrievedPages} from './notifications.js';
export {OPCODE, type OpcodeName, opcodeName} from './opcodes.js';
export {type Operation, type OperationTarget, operation, type ReplySize} from './operation.js';
export * from './replies.js';
export {REPLY_BODY, REQUEST_BODY, RequestSlot, type SendReply} from './request-slot.js';
export {type RingHooks, type RingOptions, RingTransport} from './ring-transport.js';
export {Session} from './session.js';
export {
  type FailedRequest,
  HOLD,
  SERVE,
  type SessionHooks,
  type SessionOptions,
} from './session-options.js';
export {applyChanges} from './setattr.js';
