import {busy, type Connection, MountError, type ServerNeeds} from '../../helper/index.js';
import type {HeldServer} from '../../launch/held-server.js';
import {connectServer, GrantError, MissingProgram, NetworkError, StrangeUnit} from '../../launch/index.js';
import type {Policy, ServerPolicy} from '../../policy/index.js';
import {errnoOf} from '../../sys/errno.js';
import {ERRNO} from '../../sys/errno-codes.js';

/** What a server is wanted for, and the policy that it is wanted by. */
interface Wanted {
  readonly policy: Policy;
  readonly server: ServerPolicy;
  readonly needs: ServerNeeds;
  readonly object: string;
  /** A server that was started already, for a mount that would start the same. */
  readonly held: HeldServer | undefined;
}

/**
 * Reaches a server as policy says, and tells in the words of a mount why the command of a type can't be started, with the line of the policy.
 * @throws MountError `command-missing` (exit code 2), `grant`
 */
export async function connectByPolicy(
  type: string | undefined,
  wanted: Wanted,
): Promise<Connection | undefined> {
  return await inWords(wanted, async () => {
    const connection = connectServer(type, wanted.server, wanted.needs, {held: wanted.held});
    try {
      await connection?.open?.();
    } catch (error) {
      connection?.socket.close();
      throw error;
    }
    const unit = connection?.unit;
    if (connection === undefined || unit === undefined) return connection;
    return {
      ...connection,
      unit: {
        get place() {
          return unit.place;
        },
        furnish: (process) => inWords(wanted, () => unit.furnish(process)),
        serving: (among) => unit.serving(among),
        readLog: () => unit.readLog(),
        settle: () => unit.settle(),
        kill: () => unit.kill(),
        exited: () => unit.exited(),
        close: () => unit.close(),
      },
    };
  });
}

/** @throws MountError */
async function inWords<T>({policy, needs, object}: Wanted, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
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
    if (error instanceof NetworkError) {
      const reason = `its network can't be granted (${placeOf(policy, 'server.network')}): ${error.message}`;
      throw new MountError(
        {object, reason, code: 'grant'},
        {errno: errnoOf(error.cause), cause: error.cause},
      );
    }
    if (error instanceof StrangeUnit) {
      throw new MountError({object, reason: error.message, code: 'connect'}, {errno: ERRNO.EPERM});
    }
    if (errnoOf(error) === ERRNO.EBUSY) throw busy(needs.source.path);
    throw error;
  }
}

function placeOf({origins}: Policy, key: string): string {
  const origin = origins[key];
  return origin === undefined ? key : `${origin.file}:${origin.line}`;
}
