import type {Manager} from '../../manager/face.js';
import {CacheLimit, Caches, MountParams, problems} from '../schemas.js';
import type {Routes} from './plugin.js';

/** What the caches of a server hold, and changing it. */
export function cacheRoutes(manager: Manager): Routes {
  return async (app) => {
    app.get(
      '/v1/mounts/:id/cache',
      {
        schema: {
          operationId: 'getCaches',
          tags: ['caches'],
          summary: 'Each cache: size, hits, misses and evictions by reason, hit rates',
          params: MountParams,
          response: {200: Caches, ...problems(404, 409, 422, 502, 504)},
        },
      },
      async ({params}) => manager.caches(params.id),
    );

    app.post(
      '/v1/mounts/:id/cache/drop',
      {
        schema: {
          operationId: 'dropCaches',
          tags: ['caches'],
          summary: 'Drops what the caches hold, and tells how they are then',
          params: MountParams,
          response: {200: Caches, ...problems(404, 409, 422, 502, 504)},
        },
      },
      async ({params}) => manager.dropCaches(params.id),
    );

    app.patch(
      '/v1/mounts/:id/cache',
      {
        schema: {
          operationId: 'limitCache',
          tags: ['caches'],
          summary: 'Changes how much the block cache may hold',
          params: MountParams,
          body: CacheLimit,
          response: {200: Caches, ...problems(404, 409, 413, 415, 422, 502, 504)},
        },
      },
      async ({params, body}) => manager.limitCache(params.id, body.limitBytes),
    );
  };
}
