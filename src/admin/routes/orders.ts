import type {Manager, ServerOrder} from '../../manager/face.js';
import {Mount, MountParams, problems} from '../schemas.js';
import type {Routes} from './plugin.js';

const ORDERS: Record<ServerOrder, string> = {
  freeze: 'Holds requests that modify until thaw',
  thaw: 'Lets them go on',
  sync: 'Has everything written back',
  shutdown: 'Answers everything with EIO from now on',
};

/** What a server can be told while it runs. */
export function orderRoutes(manager: Manager): Routes {
  return async (app) => {
    for (const order of Object.keys(ORDERS) as ServerOrder[]) {
      app.post(
        `/v1/mounts/:id/${order}`,
        {
          schema: {
            operationId: order,
            tags: ['mounts'],
            summary: ORDERS[order],
            params: MountParams,
            response: {200: Mount, ...problems(404, 409, 422, 502, 504)},
          },
        },
        async ({params}) => manager.order(params.id, order),
      );
    }
  };
}
