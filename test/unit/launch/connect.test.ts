import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {type CommandMount, connectServer, hasServer} from '../../../src/launch/index.js';
import {loadPolicy, type ServerPolicy} from '../../../src/policy/index.js';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {listenSeqpacket} from '../../../src/sys/socket.js';

const NEEDS: CommandMount = {
  source: {kind: 'name', path: 'host:dir'},
  readOnly: true,
  callerUid: 0,
  callerGid: 0,
  target: 'directory',
};

let directory = '';
let listener: OwnedFd;
const {server} = loadPolicy('ext4', '/nonexistent');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseward-connect-'));
  listener = listenSeqpacket(join(directory, 'ext4'), 0o600);
});
afterEach(() => {
  listener.close();
  rmSync(directory, {recursive: true});
});

function kindOf(type: string | undefined, policy: Partial<ServerPolicy>): string | undefined {
  const connection = connectServer(type, {...server, ...policy}, NEEDS, {directory});
  connection?.socket.close();
  return connection?.kind;
}

test('the socket is used where policy lets it', () => {
  expect(kindOf('ext4', {})).toBe('socket');
  expect(kindOf('ext4', {driver: 'socket'})).toBe('socket');
});

test('no server of our own is started where policy wants the socket', () => {
  expect(kindOf('ext2', {driver: 'socket'})).toBeUndefined();
  expect(kindOf(undefined, {driver: 'socket'})).toBeUndefined();
  expect(kindOf('xfs', {driver: 'socket', command: ['/bin/true']})).toBeUndefined();
});

test('a socket counts for nothing where policy wants a server of our own', () => {
  const other = listenSeqpacket(join(directory, 'xfs'), 0o600);
  expect(kindOf('xfs', {driver: 'builtin'})).toBeUndefined();
  other.close();
});

test('whether there may be a server is told without asking it', () => {
  const has = (type: string | undefined, policy: Partial<ServerPolicy> = {}): boolean =>
    hasServer(type, {...server, ...policy}, directory);
  expect([has('ext4'), has('raw'), has(undefined)]).toEqual([true, true, true]);
  expect([has('ext4', {driver: 'socket'}), has('raw', {driver: 'socket'})]).toEqual([true, false]);
  expect([has('xfs'), has('xfs', {command: ['/bin/true']})]).toEqual([false, true]);
  expect([has('../x'), has('EXT4')]).toEqual([false, false]);
});

test('a command has its unit where there is one, and else a sandbox of our own', () => {
  const policy = {...server, command: ['/nonexistent/program', '{source}', '{target}']};
  const {socket, unit} = connectServer('ext4', policy, NEEDS, {directory})!;
  socket.close();
  expect(unit).toBeDefined();
  expect(() => connectServer('xfs', policy, NEEDS, {directory})).toThrow(
    /there is no program \/nonexistent\/program/,
  );
});
