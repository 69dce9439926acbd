import {readFileSync} from 'node:fs';
import type {ServerConversation} from '../service/index.js';
import {log} from './log.js';

/** The kernel's list of processors, `0` or `0-3`: possible ones begin with 0 and have no gaps in practice. */
const LIST = /^(?:\d+-|\d+,)*(\d+)\n?$/;

/** How many queues the kernel has for this mount, where requests may travel by io_uring: one for each possible processor. */
export function queuesOf(conversation: ServerConversation): number | undefined {
  const list = conversation.openQueues();
  if (list === undefined) return undefined;
  try {
    const last = LIST.exec(readFileSync(list.fd, 'latin1'))?.[1];
    return last === undefined ? undefined : Number(last) + 1;
  } catch (error) {
    log('warn', {error: String(error)}, "the list of processors can't be read");
    return undefined;
  } finally {
    list.close();
  }
}
