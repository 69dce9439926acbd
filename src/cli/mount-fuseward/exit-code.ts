import type {MountErrorCode} from '../../helper/index.js';

/** Exit codes of mount(8), which hands on those of its helpers. */
export const MOUNT_EXIT = {
  done: 0,
  /** Incorrect invocation, or not permitted. */
  usage: 1,
  /** System error: no /dev/fuse, no memory, the server can't be started. */
  system: 2,
  /** A bug of ours. */
  internal: 4,
  /** Ended by a signal from the keyboard or of a service manager. */
  interrupted: 8,
  /** The mount failed, for lack of a driver too: mount(8) falls back to nothing. */
  failed: 32,
} as const;

const BY_CODE: Partial<Record<MountErrorCode | 'bad-policy', number>> = {
  'not-root': MOUNT_EXIT.usage,
  'bad-option': MOUNT_EXIT.usage,
  'bad-type': MOUNT_EXIT.usage,
  'policy-denied': MOUNT_EXIT.usage,
  'type-has-policy': MOUNT_EXIT.usage,
  'bad-policy': MOUNT_EXIT.usage,
  'no-fuse': MOUNT_EXIT.system,
  connect: MOUNT_EXIT.system,
};

const SYSTEM_ERRORS: readonly (string | undefined)[] = ['ENOMEM', 'EMFILE', 'ENFILE'];

/** The code for a mount that was not made. @param errno symbolic */
export function exitCodeOf(code: string, errno: string | undefined): number {
  const known: Readonly<Record<string, number>> = BY_CODE;
  return known[code] ?? (SYSTEM_ERRORS.includes(errno) ? MOUNT_EXIT.system : MOUNT_EXIT.failed);
}
