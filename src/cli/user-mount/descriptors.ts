import {MountError} from '../../helper/index.js';
import {encodeUserPacket} from '../../manager/user-protocol.js';
import {ERRNO} from '../../sys/errno-codes.js';
import {closeAll, type OwnedFd} from '../../sys/fd.js';
import {receivePacket, sendPacket, setPassRights} from '../../sys/socket.js';

/** A user's program has nothing to think about when it is asked. */
const PATIENCE_MS = 5_000;
/**
 * Asks for source and target and takes them. Closing what somebody sent can wait for him (a lingering socket, a FUSE server), which this process
 * may; so the connection must not be held by the manager any more, nor anybody else.
 *
 * @throws MountError `bad-descriptor`; Errno ETIMEDOUT, EPIPE when the user is gone
 */
export function receiveDescriptors(connection: OwnedFd): {source: OwnedFd; target: OwnedFd} {
  setPassRights(connection.fd, true);
  const buffer = new Uint8Array(1);
  try {
    sendPacket(connection.fd, encodeUserPacket({send: 'descriptors'}), [], {timeoutMs: 0});
    const {fds, controlTruncated} = receivePacket(connection.fd, buffer, {maxFds: 2, timeoutMs: PATIENCE_MS});
    const [source, target] = fds;
    if (source !== undefined && target !== undefined && !controlTruncated) return {source, target};
    closeAll(fds);
    throw new MountError(
      {object: 'what was sent', reason: 'two descriptors are expected', code: 'bad-descriptor'},
      {errno: ERRNO.EBADF},
    );
  } finally {
    setPassRights(connection.fd, false);
  }
}
