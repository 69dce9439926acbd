import {Type} from 'typebox';
import type {Manager} from '../../manager/face.js';
import {problems} from '../schemas.js';
import type {Routes} from './plugin.js';

/** The administrator's policy files. */
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
  };
}
