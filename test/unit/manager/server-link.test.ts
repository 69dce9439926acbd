import {mkdtempSync, rmSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {encodeFrame, FrameReader} from '../../../src/control/index.js';
import {eventually} from '../../../src/helper/cleanup.js';
import {ServerLink} from '../../../src/manager/server-link.js';

const HELLO = {
  event: 'hello',
  protocol: 1,
  type: 'ext4',
  startedAt: '2024-02-29T12:00:00Z',
  cacheBytes: 65536,
};
const STATE = {queueDepth: 0, oldestMs: 0, held: 0, frozen: false, shutDown: false};

let directory = '';
let path = '';
let server: Server;
let sockets: Socket[] = [];
let link: ServerLink | undefined;
let told: string[] = [];

/** A server's end: what it says first, and how it answers. */
function serve(onConnection: (socket: Socket) => void): Promise<void> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  return new Promise((resolve) => server.listen(path, resolve));
}

function send(socket: Socket, message: object): void {
  if (!socket.destroyed) socket.write(encodeFrame(message));
}

function answering(answer: (id: unknown) => object | undefined): (socket: Socket) => void {
  return (socket) => {
    send(socket, HELLO);
    const reader = new FrameReader();
    socket.on('data', (bytes) => {
      for (const {id} of reader.push(bytes)) {
        const reply = answer(id);
        if (reply !== undefined) send(socket, reply);
      }
    });
  };
}

function open(): ServerLink {
  link = new ServerLink(path);
  link.listen({
    breach: ({code}) => told.push(`breach ${code}`),
    lost: () => told.push('lost'),
    answered: ({oldestMs}) => told.push(`answered ${oldestMs}`),
  });
  return link;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-link-'));
  path = join(directory, 'server.sock');
  sockets = [];
  told = [];
});
afterEach(() => {
  link?.close();
  for (const socket of sockets) socket.destroy();
  server?.close();
  rmSync(directory, {recursive: true});
});

test('a server that answers is connected, and its state is known', async () => {
  await serve(answering((id) => ({id, ok: {...STATE, frozen: true, oldestMs: 7}})));
  const own = open();
  expect(await own.connectedWithin(1_000)).toBe(true);
  await eventually(() => own.answered, 1_000);
  expect(own.state).toMatchObject({frozen: true, oldestMs: 7});
  own.tick();
  await eventually(() => told.length === 2, 1_000);
  expect(told).toEqual(['answered 7', 'answered 7']);
  expect(own.silentTicks).toBe(0);
});

test('the silence of a server that does not answer grows, with one question on its way', async () => {
  let questions = 0;
  await serve(
    answering(() => {
      questions++;
      return undefined;
    }),
  );
  const own = open();
  await own.connectedWithin(1_000);
  for (let tick = 0; tick < 5; tick++) own.tick();
  expect(own.silentTicks).toBe(5);
  await eventually(() => questions > 0, 1_000);
  expect(questions).toBe(1);
  expect(own.answered).toBe(false);
});

test('a server that refuses to tell how it is has not answered', async () => {
  await serve(answering((id) => ({id, error: {errno: 'EIO', code: 'no', message: 'no'}})));
  const own = open();
  await eventually(() => own.silentTicks > 0, 1_000);
  own.tick();
  await eventually(() => own.silentTicks > 1, 1_000);
  expect(own.silentTicks).toBe(2);
  expect(told).toEqual([]);
});

test.each<[string, Buffer]>([
  ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a frame that is too large', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7b])],
  ['a hello of another protocol', Buffer.from(encodeFrame({...HELLO, protocol: 2}))],
  ['an answer that nobody asked for', Buffer.concat([encodeFrame(HELLO), encodeFrame({id: 9, ok: {}})])],
  ['an answer that is none', Buffer.concat([encodeFrame(HELLO), encodeFrame({id: 1, ok: {frozen: 'yes'}})])],
])(
  '%s ends the connection as a breach, told once, and it is not tried again at once',
  async (_what, bytes) => {
    let connections = 0;
    await serve((socket) => {
      connections++;
      socket.write(bytes);
    });
    const own = open();
    await eventually(() => told.length > 0, 2_000);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^breach /);
    expect(own.connected).toBe(false);
    expect(connections).toBe(1);
  },
);

test('a lost connection is tried again with growing pauses, and works again', async () => {
  let connections = 0;
  await serve((socket) => {
    if (++connections <= 2) socket.destroy();
    else answering((id) => ({id, ok: STATE}))(socket);
  });
  const own = open();
  await eventually(() => own.answered, 3_000);
  expect(connections).toBe(3);
  expect(told).toEqual(['lost', 'lost', 'answered 0']);
});

test('nobody listening is a lost connection', async () => {
  const own = open();
  await eventually(() => told.length > 0, 1_000);
  expect(told[0]).toBe('lost');
  await expect(own.ask({do: 'ping'})).rejects.toMatchObject({kind: 'closed'});
});

test('a closed link stays closed and tells nothing', async () => {
  await serve(answering((id) => ({id, ok: STATE})));
  const own = open();
  own.close();
  own.close();
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(own.connected).toBe(false);
  expect(told).toEqual([]);
});

test('who listens late is told what happened before, in order', async () => {
  await serve(answering((id) => ({id, ok: {...STATE, oldestMs: 3}})));
  link = new ServerLink(path);
  await eventually(() => link!.answered, 1_000);
  link.listen({
    breach: ({code}) => told.push(`breach ${code}`),
    lost: () => told.push('lost'),
    answered: ({oldestMs}) => told.push(`answered ${oldestMs}`),
  });
  // A caller that is about to note the link is not called back meanwhile.
  expect(told).toEqual([]);
  for (const socket of sockets) socket.destroy();
  await eventually(() => told.length === 2, 1_000);
  expect(told).toEqual(['answered 3', 'lost']);
});
