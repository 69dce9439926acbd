import type {IncomingMessage} from 'node:http';
import type {FastifyReply, FastifyRequest} from 'fastify';
import {AdminError} from './problem.js';

/** What a listener demands of each request, because being able to connect to it proves nothing. */
export interface Guard {
  /** @throws AdminError `host-not-ours` */
  checkHost(request: IncomingMessage): void;
  /** @throws AdminError `token-missing`, `token-wrong` */
  checkToken(request: IncomingMessage): void;
}

/**
 * The guards of requests that came over TCP. A listener enters a request here before anything else sees it, so what is not
 * in here came through a socket whose file mode is the permission.
 */
export type Guards = WeakMap<IncomingMessage, Guard>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** May be asked without a token. */
    open?: boolean;
  }
}

/** Between two lines about strangers: what they do must not be able to fill the log. */
const QUIET_MS = 10_000;

/** The hook that runs before every route, and before "no such route" too: what exists is not told to strangers. */
export function checkPermission(guards: Guards) {
  let untold = 0;
  let quietUntil = 0;

  function note(request: FastifyRequest, {code}: AdminError): void {
    untold++;
    const now = performance.now();
    if (now < quietUntil) return;
    request.log.warn({code, address: request.raw.socket.remoteAddress, refused: untold}, 'requests refused');
    untold = 0;
    quietUntil = now + QUIET_MS;
  }

  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const guard = guards.get(request.raw);
    if (guard === undefined) return;
    try {
      guard.checkHost(request.raw);
      if (request.routeOptions.config.open !== true) guard.checkToken(request.raw);
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="fuseward"');
      note(request, error);
      throw error;
    }
  };
}
