import {Socket} from 'node:net';
import swagger from '@fastify/swagger';
import type {TypeBoxTypeProvider} from '@fastify/type-provider-typebox';
import Fastify, {type FastifyBaseLogger, LogController} from 'fastify';
import type {Manager} from '../manager/face.js';
import {answerBrokenRequest} from './broken-request.js';
import {type Caller, callerOf} from './caller.js';
import type {EventStream} from './event-stream.js';
import {LIMITS} from './limits.js';
import {OwnCounters} from './metrics/own-counters.js';
import {Scraper} from './metrics/scrape.js';
import {openApiOptions} from './openapi.js';
import {checkPermission, type Guards} from './permission.js';
import {AdminError, problem, problemOf, sendProblem} from './problem.js';
import {cacheRoutes} from './routes/caches.js';
import {eventRoutes} from './routes/events.js';
import {metricsRoutes} from './routes/metrics.js';
import {mountRoutes} from './routes/mounts.js';
import {orderRoutes} from './routes/orders.js';
import type {Admin} from './routes/plugin.js';
import {policyRoutes} from './routes/policy.js';
import {statusRoutes} from './routes/status.js';
import {SHARED_SCHEMAS} from './schemas.js';

export interface AdminOptions {
  readonly log: FastifyBaseLogger;
  /** Of fuseward; the OpenAPI document names it. */
  readonly version: string;
  /** Time between comments that keep an event stream alive. */
  readonly heartbeatMs?: number;
}

declare module 'fastify' {
  interface FastifyInstance {
    guards: Guards;
    /** What closing has to do to whatever listens. */
    closers: Array<() => Promise<void>>;
  }

  interface FastifyRequest {
    /** Of a request that may change something. */
    caller: Caller | undefined;
  }
}

/**
 * The admin API on a manager: assembled, and not listening. See `listenAdmin`. Its `close()` ends event streams, lets
 * requests finish, and leaves mounts alone.
 */
export function createAdmin(manager: Manager, opts: AdminOptions): Admin {
  const app: Admin = Fastify({
    loggerInstance: opts.log,
    bodyLimit: LIMITS.bodyBytes,
    connectionTimeout: LIMITS.silenceMs,
    requestTimeout: LIMITS.requestTimeoutMs,
    keepAliveTimeout: LIMITS.keepAliveMs,
    http: {
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: LIMITS.headersTimeoutMs,
      connectionsCheckingInterval: LIMITS.checkIntervalMs,
    },
    routerOptions: {maxParamLength: 32},
    return503OnClosing: false,
    // What a client sends is taken as it is: nothing is converted, and an unknown field is a mistake that is told.
    ajv: {customOptions: {coerceTypes: false, removeAdditional: false}},
    frameworkErrors: (error, _, reply) => {
      const told = problemOf(error) ?? problem(400, 'invalid-url', error.message);
      sendProblem(reply.headers(SAFE_HEADERS), told);
    },
    clientErrorHandler: answerBrokenRequest,
    logController: new LogController({disableRequestLogging: true}),
  }).withTypeProvider<TypeBoxTypeProvider>();

  const guards: Guards = new WeakMap();
  const streams = new Set<EventStream>();
  const own = new OwnCounters(() => streams.size);
  const closers: Array<() => Promise<void>> = [];
  app.decorate('guards', guards);
  app.decorate('closers', closers);
  app.server.maxConnections = LIMITS.connections;
  app.removeContentTypeParser('text/plain');
  app.setSerializerCompiler(() => JSON.stringify);
  app.addHook('onRequest', async (_, reply) => {
    reply.headers(SAFE_HEADERS);
  });
  app.addHook('onRequest', checkPermission(guards));
  watchRequests(app, own);
  answerFailures(app);
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  for (const schema of SHARED_SCHEMAS) app.addSchema(schema);
  app.register(swagger, openApiOptions(opts.version));
  app.register(statusRoutes(manager));
  app.register(mountRoutes(manager));
  app.register(cacheRoutes(manager));
  app.register(orderRoutes(manager));
  app.register(policyRoutes(manager));
  app.register(eventRoutes(manager, {streams, heartbeatMs: opts.heartbeatMs ?? 15_000}));
  app.register(metricsRoutes(new Scraper(manager, {log: app.log, own})));
  app.register(async (scope) => {
    scope.get('/openapi.json', {schema: {hide: true}}, async () => app.swagger());
  });
  return app;
}

/** Nothing here is for a browser's cache, frame or script; it costs little to say so. */
const SAFE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Who changed something is logged as it happens, who looked only when somebody debugs. */
function watchRequests(app: Admin, own: OwnCounters): void {
  app.decorateRequest('caller', undefined);
  app.addHook('onRequest', async (request) => {
    // Now: a client that doesn't wait for the answer is gone when it is sent.
    if (!isLook(request.method)) request.caller = callerOf(request.raw.socket);
  });
  app.addHook('preValidation', async ({body, routeOptions}) => {
    // What would be passed over may be meant: "only this cache".
    const isEmpty = body == null || (typeof body === 'object' && Object.keys(body).length === 0);
    if (routeOptions.schema?.body === undefined && !isEmpty)
      throw new AdminError(
        400,
        'invalid-request',
        'the request has a body, and nothing can be told in one here',
      );
  });
  app.addHook('preHandler', async (request) => {
    // A mount may take as long as policy lets it; whoever waits for it is silent and not gone.
    const {socket} = request.raw;
    if (!isLook(request.method) && socket instanceof Socket) socket.setTimeout(0);
  });
  app.addHook('onResponse', async (request, reply) => {
    const {method, url, caller} = request;
    own.countRequest(method, request.routeOptions.url, reply.statusCode);
    const values = {request: request.id, method, url, status: reply.statusCode, ms: reply.elapsedTime};
    const stranger = reply.statusCode === 401 || reply.statusCode === 421;
    if (isLook(method) || stranger) request.log.debug(values, 'asked');
    else request.log.info({...values, caller}, reply.statusCode < 400 ? 'ordered' : 'order failed');
  });
}

const isLook = (method: string): boolean => method === 'GET' || method === 'HEAD';

function answerFailures(app: Admin): void {
  app.setNotFoundHandler((request) => {
    const [path] = request.url.split('?', 1);
    throw new AdminError(
      404,
      'no-such-route',
      `there is no ${request.method} ${path}`,
      'GET /openapi.json lists what there is',
    );
  });
  app.setErrorHandler((error, request, reply) => {
    const told = problemOf(error);
    if (told !== undefined) return sendProblem(reply, told);
    request.log.error(
      {err: error, request: request.id, method: request.method, url: request.url},
      'unexpected',
    );
    const detail = `the request failed unexpectedly; the log of the daemon tells more (request ${request.id})`;
    return sendProblem(reply, problem(500, 'unexpected', detail));
  });
}
