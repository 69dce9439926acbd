import {Type} from 'typebox';
import type {Manager} from '../../manager/face.js';
import {Pool, problems} from '../schemas.js';
import type {Routes} from './plugin.js';

/** The administrator's policy files, and what they have the manager keep ready. */
export function policyRoutes(manager: Manager): Routes {
  return async (app) => {
    app.post(
      '/v1/policy/reload',
      {
        schema: {
          operationId: 'reloadPolicy',
          tags: ['daemon'],
          summary: 'Reads the policy files again: all of them, or none if one is wrong',
          response: {
            200: Type.Object({
              files: Type.Array(Type.String(), {description: 'files that are in force on top of what ships'}),
            }),
            ...problems(409),
          },
        },
      },
      async () => manager.reloadPolicy(),
    );

    app.get(
      '/v1/pool',
      {
        schema: {
          operationId: 'getPool',
          tags: ['daemon'],
          summary: 'Servers that are started and wait for mounts, as server.pool in policy has it',
          response: {200: Type.Object({types: Type.Array(Pool)}), ...problems()},
        },
      },
      async () => ({types: manager.pool()}),
    );
  };
}
