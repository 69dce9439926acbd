import {createSocket, type Socket as DatagramSocket} from 'node:dgram';
import {Resolver} from 'node:dns/promises';
import {once} from 'node:events';
import {type AddressInfo, connect, createServer, type Server, type Socket} from 'node:net';
import {afterEach, expect, test} from 'vitest';
import {eventually} from '../../../src/helper/cleanup.js';
import {Destination} from '../../../src/relay/destination.js';
import {Relay} from '../../../src/relay/relay.js';
import {OwnedFd} from '../../../src/sys/fd.js';

const undo: Array<() => unknown> = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

/** A TCP server on a free port. */
async function serve(behave: (socket: Socket) => void, host = '127.0.0.1'): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer({allowHalfOpen: true}, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    behave(socket);
  });
  server.listen({host, port: 0});
  await once(server, 'listening');
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** A listening socket as a number, which is what a relay gets. */
async function listener(): Promise<{fd: number; port: number}> {
  const server = createServer();
  server.listen({host: '127.0.0.1', port: 0});
  await once(server, 'listening');
  const number = (server as unknown as {_handle: {fd: number}})._handle.fd;
  const inherited = new OwnedFd(number);
  const fd = inherited.dup().release();
  // The runtime closes its own.
  inherited.release();
  const port = portOf(server);
  server.close();
  return {fd, port};
}

function client(port: number): Socket {
  const socket = connect({host: '127.0.0.1', port, allowHalfOpen: true});
  socket.on('error', () => {});
  undo.push(() => socket.destroy());
  return socket;
}

/** Waits for the end of a connection, however it ends. */
const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

/** Answers each A question with an address and each AAAA question with nothing. */
async function nameServer(addressOf: (question: number) => string | undefined): Promise<DatagramSocket> {
  const server = createSocket('udp4');
  let questions = 0;
  server.on('message', (query, {address, port}) => {
    const end = query.indexOf(0, 12) + 5;
    const isA = query.readUInt16BE(end - 4) === 1;
    const found = isA ? addressOf(questions++) : undefined;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(found === undefined && isA ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(found === undefined ? 0 : 1, 6);
    head.fill(0, 8, 12);
    const answer =
      found === undefined
        ? Buffer.alloc(0)
        : Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...found.split('.').map(Number)]);
    server.send(Buffer.concat([head, query.subarray(12, end), answer]), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => server.close());
  return server;
}

function asking(server: DatagramSocket): Resolver {
  const resolver = new Resolver({timeout: 500, tries: 1});
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  return resolver;
}

test('a name is asked for again for each connection, as its answer wants', async () => {
  const first = await serve((socket) => socket.end('first'), '127.0.0.1');
  const port = portOf(first);
  const second = createServer((socket) => socket.end('second'));
  second.listen({host: '127.0.0.2', port});
  await once(second, 'listening');
  undo.push(() => second.close());
  const names = await nameServer((question) => (question === 0 ? '127.0.0.1' : '127.0.0.2'));
  const plan = {fd: -1, host: 'moving.example', port, addresses: [], ask: true};
  const destination = new Destination(plan, asking(names));
  const said: string[] = [];
  for (let round = 0; round < 2; round++) {
    const socket = await destination.connect();
    undo.push(() => socket.destroy());
    said.push(String((await once(socket, 'data'))[0]));
  }
  expect(said).toEqual(['first', 'second']);
});

test('without an answer it is the address of the start', async () => {
  const server = await serve((socket) => socket.end('known'));
  const names = await nameServer(() => undefined);
  const plan = {fd: -1, host: 'nas.example', port: portOf(server), addresses: ['127.0.0.1'], ask: true};
  const socket = await new Destination(plan, asking(names)).connect();
  undo.push(() => socket.destroy());
  expect(String((await once(socket, 'data'))[0])).toBe('known');
});

test('addresses are tried in turn', async () => {
  const server = await serve((socket) => socket.end('here'));
  const plan = {
    fd: -1,
    host: 'two.example',
    port: portOf(server),
    addresses: ['127.0.0.9', '127.0.0.1'],
    ask: false,
  };
  const socket = await new Destination(plan, undefined).connect();
  undo.push(() => socket.destroy());
  expect(String((await once(socket, 'data'))[0])).toBe('here');
});

test('more connections than there may be are reset and told; room comes back', async () => {
  const echo = await serve((socket) => socket.pipe(socket));
  const inner = await listener();
  const told: string[] = [];
  const relay = new Relay(
    {failed: (destination, reason) => told.push(`${destination} ${reason}`)},
    {connections: 2, halfOpenMs: 60_000},
  );
  const port = portOf(echo);
  await relay.serve({fd: inner.fd, host: '127.0.0.1', port, addresses: ['127.0.0.1'], ask: false}, undefined);
  undo.push(() => relay.close());
  const [one, two] = [client(inner.port), client(inner.port)];
  for (const each of [one, two]) {
    each.write('x');
    await once(each, 'data');
  }
  const three = client(inner.port);
  await closed(three);
  expect(told).toEqual([`127.0.0.1:${port} too many connections`]);
  one.destroy();
  expect(await eventually(() => relay.connections === 1, 2000)).toBe(true);
  const four = client(inner.port);
  four.write('y');
  expect(String((await once(four, 'data'))[0])).toBe('y');
});

test('a connection of which one half is closed does not stay for ever', async () => {
  const silent = await serve((socket) => socket.resume());
  const inner = await listener();
  const relay = new Relay({failed: () => {}}, {connections: 2, halfOpenMs: 200});
  await relay.serve(
    {fd: inner.fd, host: '127.0.0.1', port: portOf(silent), addresses: ['127.0.0.1'], ask: false},
    undefined,
  );
  undo.push(() => relay.close());
  const half = client(inner.port);
  half.end('last word');
  await closed(half);
  expect(await eventually(() => relay.connections === 0, 2000)).toBe(true);
});

test('a reset of one side resets the other', async () => {
  let reset: ((reason: unknown) => void) | undefined;
  const outcome = new Promise((resolve) => {
    reset = resolve;
  });
  const remembering = await serve((socket) => {
    socket.resume();
    socket.on('error', (error) => reset?.((error as NodeJS.ErrnoException).code));
  });
  const inner = await listener();
  const relay = new Relay({failed: () => {}});
  await relay.serve(
    {fd: inner.fd, host: '127.0.0.1', port: portOf(remembering), addresses: ['127.0.0.1'], ask: false},
    undefined,
  );
  undo.push(() => relay.close());
  const socket = client(inner.port);
  socket.write('x');
  await eventually(() => relay.connections === 1, 2000);
  socket.resetAndDestroy();
  expect(await outcome).toBe('ECONNRESET');
  expect(await eventually(() => relay.connections === 0, 2000)).toBe(true);
});
