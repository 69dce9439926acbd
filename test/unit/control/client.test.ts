import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, describe, test} from 'vitest';
import {type ClientLimits, type CloseReason, ControlClient} from '../../../src/control/client.js';
import {type ControlMessage, encodeFrame, FrameReader} from '../../../src/control/frame.js';
import {IOMAP_NUMBERS} from '../../../src/control/messages.js';
import {serverMessages} from '../../../src/control/schemas.js';

const HELLO = {
  event: 'hello',
  protocol: 1,
  type: 'ext4',
  startedAt: '2026-01-02T03:04:05.678Z',
  cacheBytes: 16_777_216,
};
const STATE = {queueDepth: 1, oldestMs: 0.5, held: 0, frozen: false, shutDown: false};

const servers: Array<{server: Server; directory: string}> = [];

/** A server that says hello, then does with each question what `act` does. */
async function serving(
  act: (message: ControlMessage, socket: Socket) => void,
  hello: object = HELLO,
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'fuseward-control-'));
  const path = join(directory, 's');
  const server = createServer((socket) => {
    const reader = new FrameReader();
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      for (const message of reader.push(bytes)) act(message, socket);
    });
    socket.write(encodeFrame(hello));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  servers.push({server, directory});
  return path;
}

const answer = (socket: Socket, message: object) => socket.write(encodeFrame(message));

function connecting(path: string, limits: Partial<ClientLimits> = {}): Promise<ControlClient> {
  return ControlClient.connect(path, serverMessages, limits);
}

const ending = (client: ControlClient): Promise<CloseReason> =>
  new Promise((resolve) => client.once('closed', resolve));

afterEach(() => {
  for (const {server, directory} of servers.splice(0)) {
    server.close();
    rmSync(directory, {recursive: true});
  }
});

describe('a control client', () => {
  test('knows the hello and gets answers to what it asked, in any order', async () => {
    const held: Array<() => void> = [];
    const path = await serving(({id, do: order}, socket) => {
      const send = () => answer(socket, {id, ok: order === 'caches' ? {caches: {}} : STATE});
      if (order === 'ping') held.push(send);
      else {
        send();
        for (const late of held) late();
      }
    });
    const client = await connecting(path);
    assert.deepEqual(client.hello, HELLO);
    const [ping, caches] = await Promise.all([client.request({do: 'ping'}), client.request({do: 'caches'})]);
    assert.deepEqual(ping, STATE);
    assert.deepEqual(caches, {caches: {}});
    client.close();
    assert.equal(client.closed?.kind, 'ours');
    await assert.rejects(client.request({do: 'ping'}), {kind: 'closed'});
  });

  test('passes on a refusal with its errno', async () => {
    const error = {errno: 'EINVAL', code: 'bad-limit', message: 'too much'};
    const client = await connecting(await serving(({id}, socket) => answer(socket, {id, error})));
    await assert.rejects(client.request({do: 'limit', bytes: 2 ** 50}), {
      kind: 'refused',
      errno: 'EINVAL',
      code: 'bad-limit',
      message: 'too much',
    });
    assert.equal(client.closed, undefined);
    client.close();
  });

  test('gives up waiting, takes the late answer and goes on', async () => {
    const late: Array<() => void> = [];
    const path = await serving(({id, do: order}, socket) => {
      if (order === 'sync') late.push(() => answer(socket, {id, ok: STATE}));
      else answer(socket, {id, ok: STATE});
    });
    const client = await connecting(path, {answerMs: 20, outstanding: 2});
    await assert.rejects(client.request({do: 'sync'}), {kind: 'timeout', errno: 'ETIMEDOUT'});
    await assert.rejects(client.request({do: 'sync'}), {kind: 'timeout'});
    await assert.rejects(client.request({do: 'ping'}), {kind: 'busy'});
    for (const send of late) send();
    while (client.outstanding > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(await client.request({do: 'ping'}, {answerMs: 2_000}), STATE);
    client.close();
  });

  test('tells of a server that goes away, and leaves no question open', async () => {
    const client = await connecting(await serving((_, socket) => socket.destroy()));
    const closed = ending(client);
    await assert.rejects(client.request({do: 'ping'}), {kind: 'closed'});
    assert.equal((await closed).kind, 'gone');
  });

  test('does not connect to what is not there or says nothing', async () => {
    await assert.rejects(connecting('/nonexistent/socket'), {kind: 'closed', code: 'ENOENT'});
    const path = await serving(() => {}, HELLO);
    const silent = createServer(() => {}).listen(`${path}2`);
    await assert.rejects(connecting(`${path}2`, {helloMs: 30}), {kind: 'timeout'});
    silent.close();
  });

  const hellos: Array<[what: string, hello: object]> = [
    ['another protocol', {...HELLO, protocol: 2}],
    ['no hello at all', {id: 1, ok: STATE}],
    ['a type that is a path', {...HELLO, type: '../x'}],
    ['a date that is none', {...HELLO, startedAt: 'yesterday'}],
    ['a negative limit', {...HELLO, cacheBytes: -1}],
    ['more than there is', {...HELLO, admin: true}],
  ];
  for (const [what, hello] of hellos) {
    test(`refuses a greeting with ${what}`, async () => {
      await assert.rejects(connecting(await serving(() => {}, hello)), {code: 'hello'});
    });
  }

  const breaches: Array<[what: string, code: string, act: (id: unknown, socket: Socket) => void]> = [
    [
      'an id that nobody used',
      'unknown-id',
      (id, socket) => answer(socket, {id: (id as number) + 1, ok: STATE}),
    ],
    ['an id that is text', 'unknown-id', (id, socket) => answer(socket, {id: `${id}`, ok: STATE})],
    [
      'two answers',
      'unknown-id',
      (id, socket) => {
        answer(socket, {id, ok: STATE});
        answer(socket, {id, ok: STATE});
      },
    ],
    ['a message that nobody asked for', 'unknown-id', (_, socket) => answer(socket, {event: 'hello'})],
    ['wrong types', 'schema', (id, socket) => answer(socket, {id, ok: {...STATE, queueDepth: '1'}})],
    ['a count below zero', 'schema', (id, socket) => answer(socket, {id, ok: {...STATE, held: -1}})],
    ['a count past 2^53', 'schema', (id, socket) => answer(socket, {id, ok: {...STATE, held: 1e300}})],
    ['a missing field', 'schema', (id, socket) => answer(socket, {id, ok: {queueDepth: 0}})],
    ['a further field', 'schema', (id, socket) => answer(socket, {id, ok: {...STATE, __proto: 1}})],
    ['an error of its own making', 'schema', (id, socket) => answer(socket, {id, error: {errno: 'x'}})],
    ['neither answer nor error', 'schema', (id, socket) => answer(socket, {id})],
    ['bytes that are no frame', 'size', (_, socket) => socket.write('garbage garbage')],
    ['a huge frame', 'size', (_, socket) => socket.write(Buffer.from('00100000', 'hex'))],
    ['text that is not JSON', 'encoding', (_, socket) => socket.write(Buffer.from('0000000161', 'hex'))],
    ['a list', 'value', (_, socket) => socket.write(Buffer.from('000000025b5d', 'hex'))],
  ];
  for (const [what, code, act] of breaches) {
    test(`drops a server that sends ${what}`, async () => {
      const client = await connecting(await serving(({id}, socket) => act(id, socket)));
      const closed = ending(client);
      client.request({do: 'ping'}).catch(() => {});
      const reason = await closed;
      assert.equal(reason.kind, 'protocol');
      assert.equal(reason.code, code);
    });
  }

  test('drops a server that sends too much, even where each frame is sound', async () => {
    const path = await serving(({id}, socket) =>
      answer(socket, {id, error: {errno: 'EIO', code: 'x', message: 'm'.repeat(500)}}),
    );
    const client = await connecting(path, {bytesPerSecond: 4_000, outstanding: 100});
    const closed = ending(client);
    const asked = Array.from({length: 20}, () => client.request({do: 'ping'}).catch((error) => error.kind));
    assert.equal((await closed).code, 'rate');
    assert.ok((await Promise.all(asked)).includes('closed'));
  });
});

describe("what is believed of a server's counts", () => {
  const operation = {
    count: 3,
    errors: 1,
    errorsByErrno: {ENOENT: 1},
    bytesIn: 10,
    bytesOut: 20,
    totalNs: 1234.5,
    maxNs: 1000.25,
    buckets: [0, 1, 2],
  };
  const cache = {
    capacityBytes: 1,
    bytes: 1,
    entries: 1,
    dirty: 0,
    hits: 1,
    misses: {cold: 1, evicted: 0, invalidated: 0, bypassed: 0},
    evictions: {capacity: 0, dropped: 0},
  };
  const iomap = Object.fromEntries(IOMAP_NUMBERS.map((name, index) => [name, index]));
  const stats = (operations: unknown) => ({...STATE, operations});
  const rows: Array<[what: string, order: 'stats' | 'caches', value: unknown, sound: boolean]> = [
    ['counts of an operation', 'stats', stats({LOOKUP: operation}), true],
    ['no operation yet', 'stats', stats({}), true],
    ['what a kernel asked that reads by itself', 'stats', {...stats({}), iomap}, true],
    ['a number of that too few', 'stats', {...stats({}), iomap: {...iomap, ends: undefined}}, false],
    ['a number of that too many', 'stats', {...stats({}), iomap: {...iomap, more: 1}}, false],
    ['a number of that below 0', 'stats', {...stats({}), iomap: {...iomap, ends: -1}}, false],
    ['an operation of another name', 'stats', stats({'<script>': operation}), false],
    ['an errno of another name', 'stats', stats({LOOKUP: {...operation, errorsByErrno: {enoent: 1}}}), false],
    ['a bucket too many', 'stats', stats({LOOKUP: {...operation, buckets: Array(65).fill(0)}}), false],
    ['half a request', 'stats', stats({LOOKUP: {...operation, count: 0.5}}), false],
    ['NaN, which JSON makes null', 'stats', stats({LOOKUP: {...operation, maxNs: null}}), false],
    [
      'opcodes without end',
      'stats',
      stats(Object.fromEntries(Array.from({length: 200}, (_, n) => [`OP${n}`, operation]))),
      false,
    ],
    ['two caches', 'caches', {caches: {block: cache, inode: cache}}, true],
    ['a cache that does not exist', 'caches', {caches: {cache}}, false],
    [
      'a cache with a reason too many',
      'caches',
      {caches: {block: {...cache, misses: {...cache.misses, x: 1}}}},
      false,
    ],
    ['a cache without bytes', 'caches', {caches: {block: {...cache, bytes: undefined}}}, false],
  ];
  for (const [what, order, value, sound] of rows) {
    test(`${what}: ${sound ? 'taken' : 'refused'}`, () =>
      assert.equal(serverMessages.answer(order, JSON.parse(JSON.stringify(value))), sound));
  }
});
