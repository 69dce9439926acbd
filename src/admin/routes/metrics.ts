import {Type} from 'typebox';
import type {Scraper} from '../metrics/scrape.js';
import {problems} from '../schemas.js';
import type {Routes} from './plugin.js';

/** What Prometheus reads. */
export function metricsRoutes(scraper: Scraper): Routes {
  return async (app) => {
    app.get(
      '/metrics',
      {
        schema: {
          operationId: 'getMetrics',
          tags: ['daemon'],
          summary: 'Counters of all mounts in the text format of Prometheus, collected now',
          response: {
            200: {description: 'metrics', content: {'text/plain': {schema: Type.String()}}},
            ...problems(),
          },
        },
      },
      async (_, reply) => {
        const {contentType, text} = await scraper.scrape();
        return reply.type(contentType).send(text);
      },
    );
  };
}
