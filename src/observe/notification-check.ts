import {REPLY_BODY} from '../fuse/index.js';
import {NOTIFY} from '../fuse/notification-codec.js';
import {
  notifyDeleteOut,
  notifyInvalEntryOut,
  notifyInvalInodeOut,
  notifyPollOut,
  notifyPruneOut,
  notifyRetrieveOut,
  notifyStoreOut,
} from '../fuse/structs/notify.js';
import {isNegative} from './attribute-check.js';
import type {Reply} from './body-check.js';
import type {Fault} from './faults.js';

const AT = REPLY_BODY;
const SLASH = 0x2f;
const LONGEST_NAME = 255;
/** FUSE_EXPIRE_ONLY. */
const ENTRY_FLAGS = 1;
const NODE_ID = 8;

/** A name of `length` bytes at `at` and its NUL, which end the notification. */
function nameFault({bytes, length: end}: Reply, at: number, length: number): Fault | undefined {
  if (length === 0 || length > LONGEST_NAME) return 'notify-name';
  if (end !== at + length + 1) return 'notify-size';
  const name = bytes.subarray(at, end);
  // The first NUL is the last byte.
  return name.indexOf(0) === length && !name.includes(SLASH) ? undefined : 'notify-name';
}

/** Data of `size` bytes behind `at`. */
function dataFault({length}: Reply, at: number, size: number): Fault | undefined {
  return length === at + size ? undefined : 'notify-size';
}

const CHECKS: ReadonlyMap<number, {size: number; check: (reply: Reply) => Fault | undefined}> = new Map([
  [NOTIFY.POLL, {size: notifyPollOut.size, check: (reply) => dataFault(reply, AT + notifyPollOut.size, 0)}],
  [
    NOTIFY.INVAL_INODE,
    {
      size: notifyInvalInodeOut.size,
      // A negative offset means attributes alone, a negative length all that follows.
      check: (reply) => dataFault(reply, AT + notifyInvalInodeOut.size, 0),
    },
  ],
  [
    NOTIFY.INVAL_ENTRY,
    {
      size: notifyInvalEntryOut.size,
      check: (reply) => {
        const {namelen, flags} = notifyInvalEntryOut.at;
        if ((reply.view.getUint32(AT + flags, true) & ~ENTRY_FLAGS) !== 0) return 'notify-kind';
        return nameFault(reply, AT + notifyInvalEntryOut.size, reply.view.getUint32(AT + namelen, true));
      },
    },
  ],
  [
    NOTIFY.DELETE,
    {
      size: notifyDeleteOut.size,
      check: (reply) => {
        const length = reply.view.getUint32(AT + notifyDeleteOut.at.namelen, true);
        return nameFault(reply, AT + notifyDeleteOut.size, length);
      },
    },
  ],
  [
    NOTIFY.STORE,
    {
      size: notifyStoreOut.size,
      check: (reply) => {
        const {size, offset} = notifyStoreOut.at;
        if (isNegative(reply.view, AT + offset)) return 'notify-range';
        return dataFault(reply, AT + notifyStoreOut.size, reply.view.getUint32(AT + size, true));
      },
    },
  ],
  [
    NOTIFY.RETRIEVE,
    {
      size: notifyRetrieveOut.size,
      check: (reply) =>
        isNegative(reply.view, AT + notifyRetrieveOut.at.offset)
          ? 'notify-range'
          : dataFault(reply, AT + notifyRetrieveOut.size, 0),
    },
  ],
  [NOTIFY.INC_EPOCH, {size: 0, check: (reply) => dataFault(reply, AT, 0)}],
  [
    NOTIFY.PRUNE,
    {
      size: notifyPruneOut.size,
      check: (reply) => {
        const count = reply.view.getUint32(AT + notifyPruneOut.at.count, true);
        return dataFault(reply, AT + notifyPruneOut.size, count * NODE_ID);
      },
    },
  ],
]);

/**
 * What speaks against a notification: a message with the request id 0 and its kind in place of the error. RESEND is for a server
 * that takes another one's place and not let through: requests would come again under ids that are given already.
 */
export function notificationFault(reply: Reply, kind: number): Fault | undefined {
  const rule = CHECKS.get(kind);
  if (rule === undefined) return 'notify-kind';
  if (reply.length < AT + rule.size) return 'notify-size';
  return rule.check(reply);
}
