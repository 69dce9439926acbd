import {
  encodeUserPacket,
  LONGEST_USER_PACKET,
  USER_SOCKET,
  type UserAnswer,
  type UserFailure,
  type UserRequest,
} from '../manager/user-protocol.js';
import {errnoOf, errnoText} from '../sys/errno.js';
import {ERRNO} from '../sys/errno-codes.js';
import type {OwnedFd} from '../sys/fd.js';
import {connectSeqpacket, receivePacket, sendPacket} from '../sys/socket.js';
import {complain, EXIT, print} from './command.js';

/** How long the way to the manager may be. */
const CONNECT_MS = 5_000;
/** A mount may wait for those of others, and for its own deadline. */
const ANSWER_MS = 300_000;

/** What the manager did not do for us, in its words. */
export class UserRequestError extends Error {
  readonly failure: UserFailure;

  constructor(failure: UserFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/**
 * Asks the manager for something that only root may do, over the socket that it has for everybody.
 *
 * @param what as in "can't WHAT": mount disk.img
 * @param send gives the descriptors that it asks for
 * @returns what it answered
 * @throws UserRequestError
 */
export function askForUser(
  request: UserRequest,
  what: string,
  send: () => readonly OwnedFd[] = () => [],
): unknown {
  using connection = connect(what);
  const fail = (reason: string, code: string, errno: 'EIO' | 'ETIMEDOUT' | 'ECONNRESET'): UserRequestError =>
    new UserRequestError({message: `can't ${what}: ${reason}`, code, errno});
  const buffer = new Uint8Array(LONGEST_USER_PACKET);
  try {
    sendPacket(connection.fd, encodeUserPacket(request), [], {timeoutMs: CONNECT_MS});
    // It asks for descriptors once at most; the bound makes the end certain.
    for (let packets = 0; packets < 3; packets++) {
      const {length} = receivePacket(connection.fd, buffer, {timeoutMs: ANSWER_MS});
      if (length === 0) break;
      const answer = JSON.parse(new TextDecoder().decode(buffer.subarray(0, length))) as UserAnswer;
      if ('error' in answer) throw new UserRequestError(answer.error);
      if ('ok' in answer) return answer.ok;
      const fds = send().map(({fd}) => fd);
      sendPacket(connection.fd, Uint8Array.of(0), fds, {timeoutMs: CONNECT_MS});
    }
  } catch (error) {
    if (error instanceof UserRequestError) throw error;
    const errno = errnoOf(error);
    if (errno === ERRNO.ETIMEDOUT) throw fail('the manager does not answer', 'no-answer', 'ETIMEDOUT');
    if (errno !== ERRNO.EPIPE && errno !== ERRNO.ECONNRESET) {
      throw fail(
        `talking to the manager failed: ${error instanceof Error ? error.message : errno}`,
        'connection',
        'EIO',
      );
    }
  }
  throw fail('the manager gave up without an answer; its log may say why', 'no-answer', 'ECONNRESET');
}

/** @throws UserRequestError that says what would help */
function connect(what: string): OwnedFd {
  try {
    return connectSeqpacket(USER_SOCKET, {timeoutMs: CONNECT_MS});
  } catch (error) {
    const errno = errnoOf(error);
    const absent = errno === ERRNO.ENOENT || errno === ERRNO.ECONNREFUSED;
    const reason = absent
      ? `only root may do that without a manager, and none runs here (root starts one with "fuseward daemon" or systemctl start fuseward)`
      : `the manager can't be reached on ${USER_SOCKET}: ${errnoText(errno)}`;
    throw new UserRequestError({message: `can't ${what}: ${reason}`, code: 'not-root', errno: 'EPERM'});
  }
}

/** Tells what went wrong, for people or as JSON. @returns the exit code */
export function reportFailure(failure: UserFailure, json: boolean): number {
  const exitCode = failure.exitCode ?? EXIT.failed;
  if (json) print(JSON.stringify({error: {...failure, exitCode}}));
  else complain(failure.message);
  return exitCode;
}
