import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {connect, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, test} from 'vitest';
import {ControlClient} from '../../../src/control/client.js';
import {encodeFrame} from '../../../src/control/frame.js';
import type {ControlOrder} from '../../../src/control/messages.js';
import {serverMessages} from '../../../src/control/schemas.js';
import {Refusal} from '../../../src/server/control-connection.js';
import {ControlListener} from '../../../src/server/control-listener.js';
import {ALLOWED_COUNT} from '../../../src/server/system-calls.js';
import {listenStream} from '../../../src/sys/socket.js';

const HELLO = {event: 'hello', protocol: 1, type: 'ext4', startedAt: '2026-01-02T03:04:05Z', cacheBytes: 1};
const STATE = {queueDepth: 0, oldestMs: 0, held: 0, frozen: false, shutDown: false};

let directory: string;
let path: string;
let listener: ControlListener;
let orders: ControlOrder[];
let pending: Array<() => void>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-listener-'));
  path = join(directory, 'socket');
  orders = [];
  pending = [];
  listener = await ControlListener.open(listenStream(path, 0o600).release());
  listener.serve(
    () => HELLO,
    async (order) => {
      orders.push(order);
      if (order.do === 'sync') await new Promise<void>((resolve) => pending.push(resolve));
      if (order.do === 'limit' && order.bytes > 100) throw new Refusal('EINVAL', 'limit-too-large', 'no');
      if (order.do === 'stats') return {...STATE, operations: {}, padding: 'x'.repeat(60_000)};
      return order.do === 'caches' || order.do === 'limit' ? {caches: {}} : STATE;
    },
  );
});

afterEach(() => {
  listener.close();
  rmSync(directory, {recursive: true});
});

const client = () => ControlClient.connect(path, serverMessages);

describe('a server that listens for managers', () => {
  test('greets, answers and refuses by the rules that the client checks', async () => {
    const manager = await client();
    assert.deepEqual(manager.hello, HELLO);
    assert.deepEqual(await manager.request({do: 'ping'}), STATE);
    assert.deepEqual(await manager.request({do: 'limit', bytes: 100}), {caches: {}});
    await assert.rejects(manager.request({do: 'limit', bytes: 101}), {
      errno: 'EINVAL',
      code: 'limit-too-large',
    });
    await assert.rejects(manager.request({do: 'limit', bytes: -1}), {errno: 'EINVAL', code: 'bad-limit'});
    await assert.rejects(manager.request({do: 'explode'} as unknown as ControlOrder), {errno: 'EOPNOTSUPP'});
    assert.equal(manager.closed, undefined);
    manager.close();
  });

  test('answers a ping while an order takes its time', async () => {
    const manager = await client();
    const sync = manager.request({do: 'sync'});
    assert.deepEqual(await manager.request({do: 'ping'}), STATE);
    for (const go of pending) go();
    assert.deepEqual(await sync, STATE);
    manager.close();
  });

  test('takes four at a time, turns the fifth away, and takes it when one has gone', async () => {
    const managers = await Promise.all([client(), client(), client(), client()]);
    await assert.rejects(client(), {kind: 'closed'});
    for (const manager of managers) assert.deepEqual(await manager.request({do: 'ping'}), STATE);
    managers[0]?.close();
    // The server learns of the end a moment later.
    let next: ControlClient | undefined;
    for (let tries = 0; next === undefined && tries < 200; tries++)
      next = await client().catch(() => undefined);
    assert.deepEqual(await next?.request({do: 'ping'}), STATE);
    for (const manager of [...managers, next]) manager?.close();
  });

  test('answers nobody before it serves', async () => {
    const early = join(directory, 'early');
    const silent = await ControlListener.open(listenStream(early, 0o600).release());
    await assert.rejects(ControlClient.connect(early, serverMessages), {kind: 'closed'});
    silent.close();
  });

  const frame = (message: object) => Buffer.from(encodeFrame(message));
  const breaches: Array<[what: string, bytes: Buffer]> = [
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame without content', Buffer.from('00000000', 'hex')],
    ['a frame that is too long', Buffer.from('00010001', 'hex')],
    ['what is not JSON', Buffer.from('000000027b5d', 'hex')],
    ['a list', frame([1])],
    ['no id', frame({do: 'ping'})],
    ['id 0', frame({id: 0, do: 'ping'})],
    ['an id beyond 2^31', frame({id: 2 ** 31, do: 'ping'})],
    ['an id that is no whole number', frame({id: 1.5, do: 'ping'})],
    ['no order', frame({id: 1})],
    ['an order that is no text', frame({id: 1, do: ['ping']})],
    ['an id that is in use', Buffer.concat([frame({id: 1, do: 'sync'}), frame({id: 1, do: 'sync'})])],
    [
      'more questions than it keeps',
      Buffer.concat(Array.from({length: 17}, (_, id) => frame({id: id + 1, do: 'sync'}))),
    ],
  ];
  for (const [what, bytes] of breaches) {
    test(`drops a manager that sends ${what}, and no other`, async () => {
      const other = await client();
      const socket: Socket = connect(path);
      socket.on('error', () => {});
      socket.resume();
      socket.write(bytes);
      await once(socket, 'close');
      assert.deepEqual(await other.request({do: 'ping'}), STATE);
      other.close();
    });
  }

  test('drops a manager that asks and does not read the answers', async () => {
    const socket = connect(path);
    socket.pause();
    socket.on('error', () => {});
    let id = 0;
    // Ends: each answer is 60 KB, and the server keeps half a megabyte beside what the socket takes.
    while (!socket.destroyed && id < 100) {
      socket.write(frame({id: ++id, do: 'stats'}));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.ok(socket.destroyed, `${id} answers are kept`);
    const other = await client();
    assert.deepEqual(await other.request({do: 'ping'}), STATE);
    other.close();
  });
});

test('a locked-down server has at most 60 system calls', () => {
  assert.ok(ALLOWED_COUNT <= 60, `${ALLOWED_COUNT}`);
});
