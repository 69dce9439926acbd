import {MountError, type MountResult, unmount} from '../../helper/index.js';
import {currentPath} from '../../helper/mount-point.js';
import type {HeldServer} from '../../launch/held-server.js';
import {sweepRecords} from '../../launch/record-sweep.js';
import {encodeUserPacket, type UserAnswer, type UserFailure} from '../../manager/user-protocol.js';
import {PolicyError} from '../../policy/index.js';
import {Errno} from '../../sys/errno.js';
import {OwnedFd} from '../../sys/fd.js';
import {keepInheritedFds} from '../../sys/inherited.js';
import {hasHungUp} from '../../sys/poll.js';
import {isUnixSocket, peerCredentials, peerGroups, sendPacket} from '../../sys/socket.js';
import {type Command, complain, EXIT, type OptionValues, print} from '../command.js';
import {refuseStrangers} from '../mount/mount-rules.js';
import {performMount} from '../mount/perform.js';
import {policyFiles} from '../mount/policy-place.js';
import {receiveDescriptors} from './descriptors.js';
import {userMountDefinition} from './options.js';

const CONNECTION = 3;

/** Mounts for who is at the other end, by the kernel's word on who that is. @throws MountError, PolicyError, Errno */
async function mountFor(
  connection: OwnedFd,
  values: OptionValues,
  ready: HeldServer | undefined,
): Promise<MountResult> {
  const {uid, gid} = peerCredentials(connection.fd);
  const groups = peerGroups(connection.fd);
  const type = values['type'] as string | undefined;
  const policy = {
    policyDirectory: values['policy'] as string | undefined,
    heldPolicy: values['held-policy'] as string | undefined,
  };
  // Taking a descriptor can cost a process that nothing ends but its sender, so not everybody's is taken.
  refuseStrangers(type, {uid, gid, groups}, policyFiles(policy));
  const given = receiveDescriptors(connection);
  const result = await performMount({
    // What he wrote may be relative to any place, and names in messages and in the mount table should be those of this machine.
    source: currentPath(given.source),
    target: currentPath(given.target),
    given,
    type,
    // The one file of type raw is for its owner alone.
    options: [
      ...(type === 'raw' ? [`uid=${uid},gid=${gid}`] : []),
      ...((values['options'] ?? []) as string[]),
    ],
    ...policy,
    callerUid: uid,
    callerGid: gid,
    callerGroups: groups,
    announce: false,
    ready,
  });
  // Who ended his command meanwhile does not expect a mount.
  if (hasHungUp(connection.fd)) {
    await unmount(result.target, {mountId: result.mountId, lazy: true});
    sweepRecords();
    throw new Errno('EPIPE', 'mount', result.target);
  }
  return result;
}

function failureOf(error: unknown): UserFailure {
  if (error instanceof MountError) {
    const {message, code, errnoName: errno, exitCode, rule} = error;
    return {message, code, errno, exitCode, rule};
  }
  if (error instanceof PolicyError) return {message: error.message, code: 'bad-policy'};
  if (error instanceof Errno) {
    return {message: `can't mount: ${error.message}`, code: 'connection', errno: error.code};
  }
  throw error;
}

function answer(connection: OwnedFd, reply: UserAnswer): void {
  try {
    sendPacket(connection.fd, encodeUserPacket(reply), [], {timeoutMs: 0});
  } catch {
    // He went away; the manager's log has it all the same.
  }
}

/** The command. @param ready a server that waits, for a mount that would start the same */
export async function runUserMount(
  connection: OwnedFd,
  values: OptionValues,
  ready?: HeldServer,
): Promise<number> {
  try {
    const result = await mountFor(connection, values, ready);
    answer(connection, {ok: result});
    print(JSON.stringify(result));
    return EXIT.done;
  } catch (error) {
    const failure = failureOf(error);
    answer(connection, {error: failure});
    print(JSON.stringify({error: failure}));
    return failure.exitCode ?? EXIT.failed;
  }
}

export const userMountCommand: Command = {
  definition: userMountDefinition,
  async run(_positionals, values) {
    if (process.geteuid?.() !== 0 || !isUnixSocket(CONNECTION)) {
      complain('user-mount is for the manager to start');
      return EXIT.failed;
    }
    keepInheritedFds();
    return await runUserMount(new OwnedFd(CONNECTION), values);
  },
};
