import {afterEach, beforeEach, expect, test} from 'vitest';
import type {EmbeddedServer} from '../../../src/launch/embedded-server.js';
import {HeldServer} from '../../../src/launch/held-server.js';
import {loadPolicy} from '../../../src/policy/index.js';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {sendPacket, seqpacketPair} from '../../../src/sys/socket.js';

const policy = loadPolicy('ext4', '/nowhere').server;
const WORD = new Uint8Array([1]);

let ours: OwnedFd;
let servers: OwnedFd;
let runs: boolean;
let server: EmbeddedServer;

beforeEach(() => {
  [ours, servers] = seqpacketPair();
  runs = true;
  server = {socket: ours, exited: () => !runs} as EmbeddedServer;
});
afterEach(() => {
  ours.close();
  servers.close();
});

const held = (): HeldServer => new HeldServer(server, 'ext4', policy);
const say = (socket: OwnedFd): void => sendPacket(socket.fd, WORD, [], {timeoutMs: 0});

test('it is had once, by who wants the same', () => {
  const own = held();
  expect(own.take('ext3', policy)).toBeUndefined();
  expect(own.take('ext4', {...policy, memoryBytes: policy.memoryBytes + 1})).toBeUndefined();
  expect(own.take('ext4', {...policy, pool: policy.pool + 1})).toBe(server);
  expect(own.taken).toBe(true);
  expect(own.take('ext4', policy)).toBeUndefined();
});

test('one that was greeted is had with its answer', () => {
  const own = held();
  own.greet(say);
  expect(own.greeted).toBe(true);
  sendPacket(servers.fd, WORD);
  expect(own.take('ext4', policy)).toBe(server);
});

test('nobody is greeted twice, or by who has it', () => {
  let words = 0;
  const count = (): void => void words++;
  const own = held();
  own.greet(count);
  own.greet(count);
  expect(words).toBe(1);
  const other = held();
  other.take('ext4', policy);
  other.greet(count);
  expect(words).toBe(1);
});

test.each([
  ['one that waited', false],
  ['one that was greeted', true],
])('%s and has ended is not had', (_what, greeted) => {
  const own = held();
  if (greeted) own.greet(say);
  runs = false;
  servers.close();
  expect(own.take('ext4', policy)).toBeUndefined();
});

test('one that is gone when it is greeted is not had, and that is no failure', () => {
  const own = held();
  servers.close();
  own.greet(say);
  expect(own.greeted).toBe(false);
  expect(own.take('ext4', policy)).toBeUndefined();
});
