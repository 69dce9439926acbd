import {mkdtempSync, rmSync} from 'node:fs';
import {request} from 'node:http';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest';
import {type Admin, createAdmin, listenAdmin} from '../../../src/admin/index.js';
import {collectingLog} from './contract.js';
import {FakeManager, STARTED_AT} from './fake-manager.js';

const LIFE = Date.parse(STARTED_AT).toString(36);

let directory: string;
let path: string;
let manager: FakeManager;
let admin: Admin;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-events-'));
  path = join(directory, 'admin.sock');
  manager = new FakeManager();
  admin = createAdmin(manager, {log: collectingLog().log, version: '1', heartbeatMs: 40});
  await listenAdmin(admin, {socketPath: path});
});

afterEach(async () => {
  await admin.close();
  rmSync(directory, {recursive: true});
});

interface Client {
  readonly text: () => string;
  readonly status: number | undefined;
  readonly headers: Record<string, unknown>;
  readonly ended: Promise<void>;
  leave(): void;
}

function listen(url = '/v1/events', headers: Record<string, string> = {}): Promise<Client> {
  return new Promise((resolve, reject) => {
    const asked = request({socketPath: path, path: url, headers, agent: false}, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      const ended = new Promise<void>((done) => response.once('end', done));
      response.on('error', () => {});
      const {statusCode: status} = response;
      resolve({text: () => text, status, headers: response.headers, ended, leave: () => asked.destroy()});
    });
    asked.once('error', reject);
    asked.end();
  });
}

/** Events of a stream without comments. */
function events(text: string): Array<{id?: string; event?: string; data: unknown}> {
  const blocks = text.split('\n\n').map((block) => block.split('\n').filter((line) => !line.startsWith(':')));
  return blocks
    .filter((lines) => lines.some((line) => line.startsWith('data: ')))
    .map((lines) => {
      const fields = Object.fromEntries(lines.map((line) => line.split(/: (.*)/s, 2)));
      return {...fields, data: JSON.parse(fields['data'] as string)};
    });
}

const ids = (client: Client) => events(client.text()).map(({id}) => id);

describe('a listener', () => {
  test('gets what happens from now on, as the manager tells it', async () => {
    manager.happen();
    const client = await listen();
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    await vi.waitFor(() => expect(manager.listeners.size).toBe(1));
    const told = manager.happen({from: 'ok', to: 'slow', text: 'line\nbreak'});
    await vi.waitFor(() => expect(ids(client)).toHaveLength(1));
    expect(events(client.text())).toEqual([{id: `${LIFE}.2`, event: 'health', data: told}]);
    client.leave();
    await vi.waitFor(() => expect(manager.listeners.size).toBe(0));
  });

  test('goes on after the last event that it has', async () => {
    for (let count = 0; count < 5; count++) manager.happen();
    for (const client of [
      await listen('/v1/events', {'last-event-id': `${LIFE}.3`}),
      await listen(`/v1/events?since=${LIFE}.3`),
      await listen('/v1/events?since=3'),
    ]) {
      await vi.waitFor(() => expect(ids(client)).toEqual([`${LIFE}.4`, `${LIFE}.5`]));
      client.leave();
    }
  });

  test('is told what it missed and nobody keeps', async () => {
    for (let count = 0; count < 10; count++) manager.happen({}, 4);
    const client = await listen('/v1/events', {'last-event-id': `${LIFE}.2`});
    await vi.waitFor(() => expect(ids(client)).toHaveLength(5));
    expect(events(client.text())[0]).toEqual({event: 'gap', data: {from: 3, to: 6}});
    expect(ids(client).slice(1)).toEqual([7, 8, 9, 10].map((id) => `${LIFE}.${id}`));
    client.leave();
  });

  test('of an earlier daemon gets all of this one', async () => {
    manager.happen();
    manager.happen();
    const client = await listen('/v1/events', {'last-event-id': 'abc.700'});
    await vi.waitFor(() => expect(ids(client)).toEqual([undefined, `${LIFE}.1`, `${LIFE}.2`]));
    expect(events(client.text())[0]).toEqual({event: 'gap', data: {from: null, to: null}});
    client.leave();
  });

  test('sees that the connection lives while nothing happens', async () => {
    const client = await listen();
    await vi.waitFor(() => expect(client.text().match(/^: heartbeat$/gm)?.length).toBeGreaterThan(1));
    client.leave();
  });

  test('sees the end when the daemon stops', async () => {
    const client = await listen();
    await vi.waitFor(() => expect(manager.listeners.size).toBe(1));
    await Promise.all([client.ended, admin.close()]);
    expect(manager.listeners.size).toBe(0);
  });
});

describe('listeners that misbehave', () => {
  /** Connects, asks, and reads nothing until told. */
  async function sleeper() {
    const socket = connect(path);
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.pause();
    socket.write('GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n');
    await vi.waitFor(() => expect(manager.listeners.size).toBe(1));
    return socket;
  }

  test('one that is slow holds a bounded buffer, then gets the rest in order', async () => {
    const slow = createAdmin(manager, {log: collectingLog().log, version: '1', heartbeatMs: 60_000});
    await admin.close();
    admin = slow;
    await listenAdmin(admin, {socketPath: path});
    const socket = await sleeper();
    const details = {filler: 'x'.repeat(2000)};
    await vi.waitFor(() => {
      for (let count = 0; count < 20; count++) manager.happen(details);
      expect(manager.listeners.size).toBe(0);
    });
    const last = manager.happen(details).id;
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.resume();
    await vi.waitFor(() => expect(text).toContain(`id: ${LIFE}.${last}\n`), {timeout: 5000});
    const got = [...text.matchAll(/^id: [0-9a-z]+\.(\d+)$/gm)].map((match) => Number(match[1]));
    const first = got[0] as number;
    expect(got).toEqual(Array.from({length: last - first + 1}, (_, index) => first + index));
    expect(text).not.toContain('event: gap');
    socket.destroy();
  });

  test('one that reads nothing at all is dropped', async () => {
    const socket = await sleeper();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    // More than the buffers of both sockets take.
    for (let count = 0; count < 400; count++) manager.happen({filler: 'x'.repeat(2000)});
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(manager.listeners.size).toBe(0);
    manager.happen();
    socket.resume();
    await closed;
  });

  test('more than 32 are refused', async () => {
    const clients = await Promise.all(Array.from({length: 32}, () => listen()));
    const refused = await listen();
    expect(refused.status).toBe(503);
    await vi.waitFor(() => expect(refused.text()).toContain('too-many-streams'));
    clients[0]?.leave();
    await vi.waitFor(async () => {
      const next = await listen();
      next.leave();
      expect(next.status).toBe(200);
    });
    for (const client of clients) client.leave();
  });
});
