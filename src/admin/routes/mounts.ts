import {Type} from 'typebox';
import type {Manager} from '../../manager/face.js';
import {Mount, MountList, MountParams, Order, problems, Stats, Switch} from '../schemas.js';
import type {Routes} from './plugin.js';

/** 64 options of 4095 characters, each perhaps escaped, and two paths. */
const ORDER_BYTES = 512 * 1024;

/** What is mounted, making mounts and taking them away. */
export function mountRoutes(manager: Manager): Routes {
  return async (app) => {
    app.get(
      '/v1/mounts',
      {
        schema: {
          operationId: 'listMounts',
          tags: ['mounts'],
          summary: 'All FUSE mounts of this machine, those that are not ours too',
          response: {200: MountList, ...problems()},
        },
      },
      async () => ({mounts: manager.mounts()}),
    );

    app.get(
      '/v1/mounts/:id',
      {
        schema: {
          operationId: 'getMount',
          tags: ['mounts'],
          summary: 'Everything known of a mount',
          params: MountParams,
          response: {200: Mount, ...problems(404)},
        },
      },
      async ({params}) => manager.mount(params.id),
    );

    app.get(
      '/v1/mounts/:id/stats',
      {
        schema: {
          operationId: 'getStats',
          tags: ['mounts'],
          summary: 'Requests by opcode, latencies, and what the server costs',
          params: MountParams,
          response: {200: Stats, ...problems(404, 409, 422, 502, 504)},
        },
      },
      async ({params}) => manager.stats(params.id),
    );

    app.post(
      '/v1/mounts',
      {
        bodyLimit: ORDER_BYTES,
        schema: {
          operationId: 'createMount',
          tags: ['mounts'],
          summary: 'Mounts, by the same policy as the command line',
          body: Order,
          response: {
            201: {
              description: 'mounted',
              headers: {location: {type: 'string', description: 'where the mount is in this API'}},
              content: {'application/json': {schema: Mount}},
            },
            ...problems(403, 404, 409, 413, 415, 422, 502, 504),
          },
        },
      },
      async ({body}, reply) => {
        const mount = await manager.create(body);
        return reply.code(201).header('location', `/v1/mounts/${mount.id}`).send(mount);
      },
    );

    app.delete(
      '/v1/mounts/:id',
      {
        schema: {
          operationId: 'removeMount',
          tags: ['mounts'],
          summary: 'Unmounts',
          params: MountParams,
          querystring: Type.Object(
            {
              force: Switch('abort the FUSE connection first: what hangs fails'),
              lazy: Switch('detach now, end when nobody uses it any more'),
            },
            {additionalProperties: false},
          ),
          response: {204: Type.Null({description: 'unmounted'}), ...problems(403, 404, 409, 422, 502, 504)},
        },
      },
      async ({params, query}, reply) => {
        await manager.remove(params.id, {force: query.force === 'true', lazy: query.lazy === 'true'});
        return reply.code(204).send(null);
      },
    );
  };
}
