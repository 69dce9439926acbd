import {processStart} from './mount-record.js';
import {lookAtServer} from './seal.js';

/** What is expected of a server that has no mount. */
const NOTHING = {
  callerUid: 0,
  embedded: true,
  sourcePath: undefined,
  loopDevice: undefined,
  readOnly: true,
  connection: undefined,
  reported: undefined,
} as const;

/**
 * Looks at a server that waits for a mount and judges it as any, for nothing: code that runs for the first time takes several times as long, and
 * nobody waits for it now. Never throws.
 */
export function rehearseLook(pid: number): void {
  const start = processStart(pid);
  if (start === undefined) return;
  try {
    lookAtServer({pid, start}, NOTHING);
  } catch {
    // It has ended.
  }
}
