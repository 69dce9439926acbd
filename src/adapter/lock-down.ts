import {type CommandNetwork, portOf} from '../control/command-plan.js';
import type {ContainedEvent} from '../control/messages.js';
import {MountRefusal} from '../server/driver.js';
import {log} from '../server/log.js';
import {errnoOf, errnoText} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {foreignSystemCalls, type MountCalls, passingCount} from '../sys/foreign-calls.js';
import {restrictNetwork, TCP_ABI} from '../sys/landlock-network.js';
import {becomeSubreaper, setNoNewPrivs, setRlimit} from '../sys/process.js';
import {buildFilter, installFilter, type SeccompFilter} from '../sys/seccomp.js';
import {installSupervisedFilter} from '../sys/seccomp-notify.js';

/** What is in force, and the listener for calls that are asked about. */
export interface LockDown {
  readonly event: ContainedEvent;
  readonly calls: OwnedFd | undefined;
}

/**
 * Takes from this process and from all that it starts what a program of others must not do. It is inherited by whatever is executed
 * later, and nothing can take it back.
 *
 * @param supervised whether mount(2) is wanted to be asked about; `wished` is content without
 * @throws MountRefusal, Errno; the program must not be started then
 */
export function lockDown(network: CommandNetwork, supervised: 'no' | 'wished' | 'required'): LockDown {
  becomeSubreaper();
  setNoNewPrivs();
  setRlimit('CORE', 0, 0);
  const landlock = restrictSockets(network);
  const build = (mountCalls: MountCalls): [SeccompFilter, number] => {
    const rules = foreignSystemCalls(network, mountCalls);
    // A call that nobody has thought of is one that the kernel has not got.
    return [buildFilter(rules, {defaultAction: {errno: 'ENOSYS'}}), passingCount(rules)];
  };
  if (supervised !== 'no') {
    const [filter, systemCalls] = build('notify');
    try {
      const calls = installSupervisedFilter(filter);
      return {event: {event: 'contained', landlock, systemCalls}, calls};
    } catch (error) {
      const reason = errnoText(errnoOf(error));
      if (supervised === 'required')
        throw new MountRefusal(
          'EOPNOTSUPP',
          'no-supervision',
          `this kernel does not let mount(2) be answered for a program (${reason}): another server.way is needed`,
        );
      log('warn', {reason}, 'mount(2) of the program is refused, fusermount alone is answered');
    }
  }
  const [filter, systemCalls] = build('errno');
  installFilter(filter, {tsync: true});
  return {event: {event: 'contained', landlock, systemCalls}, calls: undefined};
}

/**
 * Landlock beside the sandbox: with a list of peers, whose places are all that the sandbox's network leads to, their ports alone and no listening;
 * where the network is the machine's, no abstract sockets of others.
 * @returns Landlock's ABI, 0 where it adds nothing
 */
function restrictSockets(network: CommandNetwork): number {
  if (network === 'none') return 0;
  try {
    return restrictNetwork(network === 'host' ? undefined : network.map(portOf));
  } catch (error) {
    if (errnoOf(error) !== ERRNO.EOPNOTSUPP) throw error;
    log(
      'info',
      {needed: TCP_ABI},
      'Landlock knows no ports here: the sandbox alone holds the program to its peers',
    );
    return 0;
  }
}
