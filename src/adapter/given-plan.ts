import {fstatSync, readSync} from 'node:fs';
import {type CommandPlan, LARGEST_PLAN, parseCommandPlan} from '../control/command-plan.js';
import type {ServerConversation} from '../service/index.js';
import {Errno} from '../sys/errno.js';
import type {OwnedFd} from '../sys/fd.js';

/** The plan of a mount as the helper has it ready, with this process's own descriptors for secrets. */
export interface GivenPlan {
  readonly plan: CommandPlan;
  /** Marks the source as mounted as long as it is open anywhere. */
  readonly lock: OwnedFd | undefined;
}

/** Asks the helper for what the launcher of a sandbox would have started this process with. @throws Errno, CommandPlanError */
export function askForPlan(conversation: ServerConversation): GivenPlan {
  using memory = conversation.openGiven('plan');
  const bytes = Buffer.alloc(Math.min(fstatSync(memory.fd).size, LARGEST_PLAN + 1));
  const length = readSync(memory.fd, bytes, 0, bytes.length, 0);
  const plan = parseCommandPlan(bytes.toString('utf8', 0, length));
  const secrets = plan.secrets.map(({name}) => {
    return {name, fd: conversation.openGiven(`secret:${name}`).release()};
  });
  return {plan: {...plan, secrets}, lock: lockOf(conversation)};
}

/** Directories and names have none. */
function lockOf(conversation: ServerConversation): OwnedFd | undefined {
  try {
    return conversation.openGiven('lock');
  } catch (error) {
    if (error instanceof Errno && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
