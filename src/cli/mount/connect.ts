import {busy, type Connection, MountError, type ServerNeeds} from '../../helper/index.js';
import {connectServer, GrantError, MissingProgram} from '../../launch/index.js';
import type {Policy, ServerPolicy} from '../../policy/index.js';
import {errnoOf} from '../../sys/errno.js';
import {ERRNO} from '../../sys/errno-codes.js';

/**
 * Reaches a server as policy says, and tells in the words of a mount why the command of a type can't be started, with the line of the policy.
 * @throws MountError `command-missing` (exit code 2), `grant`
 */
export async function connectByPolicy(
  type: string | undefined,
  {policy, server, needs, object}: {policy: Policy; server: ServerPolicy; needs: ServerNeeds; object: string},
): Promise<Connection | undefined> {
  try {
    const connection = connectServer(type, server, needs);
    try {
      await connection?.open?.();
    } catch (error) {
      connection?.socket.close();
      const reason = `its network can't be granted (${placeOf(policy, 'server.network')}): ${(error as Error).message}`;
      throw new MountError({object, reason, code: 'grant'}, {errno: errnoOf(error), cause: error});
    }
    return connection;
  } catch (error) {
    if (error instanceof MissingProgram) {
      const reason = `${error.message}, which ${placeOf(policy, 'server.command')} names`;
      throw new MountError({object, reason, code: 'command-missing'}, {errno: ERRNO.ENODEV, exitCode: 2});
    }
    if (error instanceof GrantError) {
      const place = placeOf(policy, error.isSecret ? 'server.secrets' : 'server.grants');
      const reason = error.path === needs.source.path ? error.message : `${error.message} (${place})`;
      throw new MountError({object, reason, code: 'grant'}, {errno: error.errno ?? ERRNO.EACCES});
    }
    if (errnoOf(error) === ERRNO.EBUSY) throw busy(needs.source.path);
    throw error;
  }
}

function placeOf({origins}: Policy, key: string): string {
  const origin = origins[key];
  return origin === undefined ? key : `${origin.file}:${origin.line}`;
}
