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

/** The hook that runs before every route, and before "no such route" too: what exists is not told to strangers. */
export function checkPermission(guards: Guards) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const guard = guards.get(request.raw);
    if (guard === undefined) return;
    guard.checkHost(request.raw);
    if (request.routeOptions.config.open === true) return;
    try {
      guard.checkToken(request.raw);
    } catch (error) {
      if (error instanceof AdminError) reply.header('www-authenticate', 'Bearer realm="fuseward"');
      throw error;
    }
  };
}
