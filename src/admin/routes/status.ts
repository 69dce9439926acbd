import {Type} from 'typebox';
import type {Manager} from '../../manager/face.js';
import {AdminError} from '../problem.js';
import {problems, Status} from '../schemas.js';
import type {Routes} from './plugin.js';

/** How the daemon is. */
export function statusRoutes(manager: Manager): Routes {
  return async (app) => {
    app.get(
      '/v1/status',
      {
        schema: {
          operationId: 'getStatus',
          tags: ['daemon'],
          summary: 'Version, what this machine can do, and totals',
          response: {200: Status, ...problems()},
        },
      },
      async () => manager.status(),
    );

    app.get(
      '/healthz',
      {
        config: {open: true},
        schema: {
          operationId: 'getHealthz',
          tags: ['daemon'],
          summary: 'Whether the daemon answers; needs no permission',
          security: [],
          response: {200: Type.Object({status: Type.Literal('ok')}), ...problems()},
        },
      },
      async () => ({status: 'ok' as const}),
    );

    app.get(
      '/readyz',
      {
        schema: {
          operationId: 'getReadyz',
          tags: ['daemon'],
          summary: 'Whether the first look at the machine is over',
          response: {200: Type.Object({status: Type.Literal('ready')}), ...problems(503)},
        },
      },
      async () => {
        if (manager.ready) return {status: 'ready' as const};
        throw new AdminError(
          503,
          'not-ready',
          'the first look at this machine is not over',
          'ask again in a second',
        );
      },
    );
  };
}
