import {beforeEach, describe, expect, test} from 'vitest';
import {ManagerError, type ManagerErrorKind} from '../../../src/manager/face.js';
import {contract} from './contract.js';
import {FakeManager} from './fake-manager.js';

let manager: FakeManager;
let api: Awaited<ReturnType<typeof contract>>;

beforeEach(async () => {
  manager = new FakeManager();
  api = await contract(manager);
  manager.calls.length = 0;
  return () => api.admin.close();
});

const json = (payload: unknown) => ({
  payload: JSON.stringify(payload),
  headers: {'content-type': 'application/json'},
});

describe('what is asked reaches the manager', () => {
  const order = {source: '/i.img', target: '/mnt/i', type: 'ext4', options: ['ro', 'errors=continue']};
  const rows: Array<[method: string, url: string, body: unknown, status: number, call: unknown[]]> = [
    ['GET', '/v1/status', undefined, 200, ['status']],
    ['GET', '/v1/mounts', undefined, 200, ['mounts']],
    ['GET', '/v1/mounts/41', undefined, 200, ['mount', '41']],
    ['GET', '/v1/mounts/42', undefined, 200, ['mount', '42']],
    ['GET', '/v1/mounts/41/stats', undefined, 200, ['stats', '41', 0]],
    ['GET', '/v1/mounts/41/cache', undefined, 200, ['caches', '41', 0]],
    ['POST', '/v1/mounts', order, 201, ['create', order]],
    ['POST', '/v1/mounts', {source: 'a', target: '/b'}, 201, ['create', {source: 'a', target: '/b'}]],
    ['DELETE', '/v1/mounts/41', undefined, 204, ['remove', '41', {force: false, lazy: false}]],
    ['DELETE', '/v1/mounts/41?force=true', undefined, 204, ['remove', '41', {force: true, lazy: false}]],
    [
      'DELETE',
      '/v1/mounts/41?lazy=true&force=false',
      undefined,
      204,
      ['remove', '41', {force: false, lazy: true}],
    ],
    ['POST', '/v1/mounts/41/cache/drop', undefined, 200, ['dropCaches', '41']],
    ['PATCH', '/v1/mounts/41/cache', {limitBytes: 1048576}, 200, ['limitCache', '41', 1048576]],
    ['POST', '/v1/mounts/41/freeze', undefined, 200, ['order', '41', 'freeze']],
    ['POST', '/v1/mounts/41/thaw', undefined, 200, ['order', '41', 'thaw']],
    ['POST', '/v1/mounts/41/sync', undefined, 200, ['order', '41', 'sync']],
    ['POST', '/v1/mounts/41/shutdown', undefined, 200, ['order', '41', 'shutdown']],
    ['GET', '/metrics', undefined, 200, ['status']],
  ];
  test.each(rows)('%s %s', async (method, url, body, status, call) => {
    const answer = await api.ask(method, url, body === undefined ? {} : json(body));
    expect(answer.status, answer.text).toBe(status);
    expect(manager.calls[0]).toEqual(call);
  });

  test.each([
    ['POST', '/v1/mounts/41/cache/drop'],
    ['POST', '/v1/mounts/41/freeze'],
    ['POST', '/v1/mounts/41/shutdown'],
    ['POST', '/v1/policy/reload'],
    ['DELETE', '/v1/mounts/41'],
  ])('%s %s: a body that would be passed over is refused', async (method, url) => {
    for (const body of [{caches: ['block']}, ['block'], 'block', 1]) {
      const {status, body: told} = await api.ask(method, url, json(body));
      expect([status, told.code, told.detail]).toEqual([
        400,
        'invalid-request',
        'the request has a body, and nothing can be told in one here',
      ]);
    }
    expect(manager.calls).toEqual([]);
    // What many clients send where there is nothing to say.
    expect((await api.ask(method, url, json({}))).status).toBeLessThan(300);
  });

  test('a new mount is told with its place', async () => {
    const answer = await api.ask('POST', '/v1/mounts', json({source: 'a', target: '/b'}));
    expect(answer.headers['location']).toBe('/v1/mounts/43');
    expect(answer.body).toMatchObject({id: '43', source: 'a', target: '/b'});
    expect((await api.ask('GET', answer.headers['location'] as string)).body).toEqual(answer.body);
  });

  test('the whole of a mount is told, unchanged', async () => {
    expect((await api.ask('GET', '/v1/mounts')).body).toEqual({mounts: manager.views});
    expect((await api.ask('GET', '/v1/mounts/41/stats')).body).toEqual(await manager.stats('41'));
    expect((await api.ask('GET', '/v1/mounts/41/cache')).body).toEqual(await manager.caches('41'));
  });

  test('health and readiness', async () => {
    expect((await api.ask('GET', '/healthz')).body).toEqual({status: 'ok'});
    expect((await api.ask('GET', '/readyz')).body).toEqual({status: 'ready'});
    manager.ready = false;
    expect((await api.ask('GET', '/healthz')).status).toBe(200);
    expect(await api.ask('GET', '/readyz')).toMatchObject({status: 503, body: {code: 'not-ready'}});
  });
});

describe('failures of the manager', () => {
  const kinds: Array<[ManagerErrorKind, number]> = [
    ['not-found', 404],
    ['conflict', 409],
    ['invalid', 400],
    ['denied', 403],
    ['no-driver', 422],
    ['unsupported', 422],
    ['server-failed', 502],
    ['timeout', 504],
  ];
  test.each(kinds)('%s is %i', async (kind, status) => {
    manager.failWith = new ManagerError(kind, 'some-code', "can't mount /i.img: why", {
      errno: 'EUCLEAN',
      hint: 'run e2fsck',
    });
    const answer = await api.ask('POST', '/v1/mounts', json({source: '/i.img', target: '/mnt'}));
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.body).toEqual({
      type: 'about:blank',
      title: expect.any(String),
      status,
      code: 'some-code',
      detail: "can't mount /i.img: why",
      errno: 'EUCLEAN',
      hint: 'run e2fsck',
    });
    expect(answer.status).toBe(status);
  });

  const routes: Array<[string, string]> = [
    ['GET', '/v1/mounts/9'],
    ['GET', '/v1/mounts/9/stats'],
    ['GET', '/v1/mounts/9/cache'],
    ['DELETE', '/v1/mounts/9'],
    ['POST', '/v1/mounts/9/cache/drop'],
    ['POST', '/v1/mounts/9/freeze'],
    ['POST', '/v1/mounts/9/thaw'],
    ['POST', '/v1/mounts/9/sync'],
    ['POST', '/v1/mounts/9/shutdown'],
  ];
  test.each(routes)('no such mount: %s %s', async (method, url) => {
    const answer = await api.ask(method, url);
    expect(answer).toMatchObject({status: 404, body: {code: 'no-such-mount', detail: 'there is no mount 9'}});
  });

  const ours: Array<[string, string, unknown]> = [
    ['GET', '/v1/mounts/42/cache', undefined],
    ['POST', '/v1/mounts/42/cache/drop', undefined],
    ['PATCH', '/v1/mounts/42/cache', {limitBytes: 4096}],
    ['POST', '/v1/mounts/42/sync', undefined],
  ];
  test.each(ours)('a server of another program: %s %s', async (method, url, body) => {
    const answer = await api.ask(method, url, body === undefined ? {} : json(body));
    expect(answer).toMatchObject({status: 422, body: {code: 'not-ours', errno: 'ENOTSUP'}});
  });

  test('a server of another program: its statistics, and who counted them', async () => {
    const answer = await api.ask('GET', '/v1/mounts/42/stats');
    expect(answer).toMatchObject({
      status: 200,
      body: {countedBy: 'kernel', tracing: {state: 'on', gaps: 1}, process: {processes: 1}},
    });
  });

  test.each(['/v1/status', '/v1/mounts', '/v1/mounts/41', '/v1/mounts/41/stats', '/metrics', '/v1/events'])(
    'what nobody foresaw is logged and not told: %s',
    async (url) => {
      manager.failWith = new TypeError('secret of the inside');
      const answer = await api.ask('GET', url);
      expect(answer).toMatchObject({status: 500, body: {code: 'unexpected'}});
      expect(answer.text).not.toMatch(/secret|\.ts|\.js|at /);
      const logged = api.lines.find(({msg}) => msg === 'unexpected');
      expect(logged).toMatchObject({level: 50, url, err: {message: 'secret of the inside'}});
      expect(answer.body.detail).toContain(logged?.['request']);
    },
  );
});

describe('requests that are not understood', () => {
  const rows: Array<
    [what: string, method: string, url: string, body: unknown, status: number, code: string]
  > = [
    ['an id with letters', 'GET', '/v1/mounts/4x', undefined, 400, 'invalid-request'],
    ['an id with a sign', 'GET', '/v1/mounts/-1', undefined, 400, 'invalid-request'],
    ['an id with a leading zero', 'GET', '/v1/mounts/041', undefined, 400, 'invalid-request'],
    ['an id with eleven digits', 'DELETE', '/v1/mounts/12345678901', undefined, 400, 'invalid-request'],
    ['a very long id', 'GET', `/v1/mounts/${'1'.repeat(100)}`, undefined, 400, 'invalid-url'],
    ['an escaped path', 'GET', '/v1/mounts/..%2f..', undefined, 400, 'invalid-request'],
    ['a broken escape', 'GET', '/v1/mounts/%zz', undefined, 400, 'invalid-url'],
    ['a switch that is none', 'DELETE', '/v1/mounts/41?force=yes', undefined, 400, 'invalid-request'],
    ['a switch twice', 'DELETE', '/v1/mounts/41?lazy=true&lazy=true', undefined, 400, 'invalid-request'],
    ['an unknown switch', 'DELETE', '/v1/mounts/41?now=true', undefined, 400, 'invalid-request'],
    ['no source', 'POST', '/v1/mounts', {target: '/b'}, 400, 'invalid-request'],
    ['an empty target', 'POST', '/v1/mounts', {source: 'a', target: ''}, 400, 'invalid-request'],
    ['a long source', 'POST', '/v1/mounts', {source: 'a'.repeat(4096), target: '/b'}, 400, 'invalid-request'],
    ['an unknown field', 'POST', '/v1/mounts', {source: 'a', target: '/b', uid: 0}, 400, 'invalid-request'],
    [
      'a type with a slash',
      'POST',
      '/v1/mounts',
      {source: 'a', target: '/b', type: '../x'},
      400,
      'invalid-request',
    ],
    [
      'options as text',
      'POST',
      '/v1/mounts',
      {source: 'a', target: '/b', options: 'ro'},
      400,
      'invalid-request',
    ],
    [
      '65 options',
      'POST',
      '/v1/mounts',
      {source: 'a', target: '/b', options: Array(65).fill('ro')},
      400,
      'invalid-request',
    ],
    ['a list', 'POST', '/v1/mounts', [], 400, 'invalid-request'],
    ['nothing', 'POST', '/v1/mounts', undefined, 400, 'invalid-request'],
    ['600 KiB', 'POST', '/v1/mounts', {source: 'a'.repeat(600 * 1024), target: '/b'}, 413, 'body-too-large'],
    ['a limit as text', 'PATCH', '/v1/mounts/41/cache', {limitBytes: '4096'}, 400, 'invalid-request'],
    ['a negative limit', 'PATCH', '/v1/mounts/41/cache', {limitBytes: -1}, 400, 'invalid-request'],
    ['half a byte', 'PATCH', '/v1/mounts/41/cache', {limitBytes: 0.5}, 400, 'invalid-request'],
    ['a limit beyond 2^47', 'PATCH', '/v1/mounts/41/cache', {limitBytes: 2 ** 60}, 400, 'invalid-request'],
    ['no limit', 'PATCH', '/v1/mounts/41/cache', {}, 400, 'invalid-request'],
    [
      '17 KiB',
      'PATCH',
      '/v1/mounts/41/cache',
      {limitBytes: 1, x: 'x'.repeat(17 * 1024)},
      413,
      'body-too-large',
    ],
    ['an event that can not be', 'GET', '/v1/events?since=last', undefined, 400, 'invalid-request'],
    ['no route', 'GET', '/v2/mounts', undefined, 404, 'no-such-route'],
    ['another method', 'PUT', '/v1/mounts/41', undefined, 404, 'no-such-route'],
  ];
  test.each(rows)('%s', async (_, method, url, body, status, code) => {
    const answer = await api.ask(method, url, body === undefined ? {} : json(body));
    expect(answer).toMatchObject({status, body: {status, code, type: 'about:blank'}});
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(manager.calls).toEqual([]);
  });

  const bodies: Array<[what: string, type: string, payload: string, status: number, code: string]> = [
    ['half a JSON text', 'application/json', '{"source":', 400, 'invalid-json'],
    ['an empty JSON text', 'application/json', '', 400, 'invalid-json'],
    [
      'a prototype',
      'application/json',
      '{"source":"a","target":"/b","__proto__":{"x":1}}',
      400,
      'invalid-json',
    ],
    ['plain text', 'text/plain', 'source=a', 415, 'media-type'],
    ['a form', 'application/x-www-form-urlencoded', 'source=a&target=/b', 415, 'media-type'],
  ];
  test.each(bodies)('a body that is %s', async (_, type, payload, status, code) => {
    const answer = await api.ask('POST', '/v1/mounts', {payload, headers: {'content-type': type}});
    expect(answer).toMatchObject({status, body: {code}});
    expect(manager.calls).toEqual([]);
  });
});

describe('the rest', () => {
  test('every answer, failures too, forbids sniffing, caching and framing', async () => {
    for (const url of ['/v1/status', '/v1/mounts/9', '/nowhere', '/v1/mounts/%zz', '/metrics']) {
      const {headers} = await api.ask('GET', url);
      expect(headers).toMatchObject({'x-content-type-options': 'nosniff', 'cache-control': 'no-store'});
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('who changes something is in the log', async () => {
    await api.ask('POST', '/v1/mounts/41/freeze');
    const logged = api.lines.find(({msg}) => msg === 'ordered');
    expect(logged).toMatchObject({level: 30, method: 'POST', url: '/v1/mounts/41/freeze', status: 200});
  });

  test('the document names every route and shares its schemas', () => {
    const routes = Object.entries(api.document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.sort()).toEqual([
      'DELETE /v1/mounts/{id}',
      'GET /healthz',
      'GET /metrics',
      'GET /readyz',
      'GET /v1/events',
      'GET /v1/mounts',
      'GET /v1/mounts/{id}',
      'GET /v1/mounts/{id}/cache',
      'GET /v1/mounts/{id}/stats',
      'GET /v1/pool',
      'GET /v1/status',
      'PATCH /v1/mounts/{id}/cache',
      'POST /v1/mounts',
      'POST /v1/mounts/{id}/cache/drop',
      'POST /v1/mounts/{id}/freeze',
      'POST /v1/mounts/{id}/shutdown',
      'POST /v1/mounts/{id}/sync',
      'POST /v1/mounts/{id}/thaw',
      'POST /v1/policy/reload',
    ]);
    expect(api.document.openapi).toBe('3.1.0');
    expect(Object.keys(api.document.components.schemas).sort()).toEqual([
      'Caches',
      'Event',
      'Mount',
      'MountOrder',
      'MountStats',
      'Pool',
      'Problem',
      'Status',
    ]);
  });

  test('what waits is told by type', async () => {
    const {status, body} = await api.ask('GET', '/v1/pool');
    expect(status).toBe(200);
    expect(body).toEqual({
      types: [{type: 'ext4', wanted: 2, ready: 1, starting: 1, used: 3, failed: 0, servers: [4711]}],
    });
  });

  test('the check of answers can fail', async () => {
    manager.views[0] = {...manager.mount('41'), health: 'fine' as 'ok'};
    await expect(api.ask('GET', '/v1/mounts/41')).rejects.toThrow(/health/);
  });
});
