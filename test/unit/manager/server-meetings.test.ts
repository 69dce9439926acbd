import {expect, test} from 'vitest';
import {RUN_DIRECTORY} from '../../../src/launch/lock.js';
import type {ProcessUsers} from '../../../src/launch/process-users.js';
import {Aged} from '../../../src/manager/aged.js';
import {processNamed} from '../../../src/manager/process-name.js';
import {ServerMeetings} from '../../../src/manager/server-meetings.js';

const SOCKET = `${RUN_DIRECTORY}/control/0123456789abcdef.sock`;
const isRoot = process.geteuid?.() === 0;

function meetings(make: () => ProcessUsers = () => new Map()): ServerMeetings {
  return new ServerMeetings(new Aged(make, () => performance.now()));
}

test('one that was met early is had once, and as it was seen', ({skip}) => {
  if (!isRoot) skip('needs root');
  const own = meetings();
  own.begin({controlSocket: SOCKET, ...processNamed(process.pid)!});
  const met = own.take(SOCKET)!;
  expect(met.containment).toMatchObject({pid: process.pid, uid: 0});
  const again = own.take(SOCKET)!;
  expect(again.containment).toBeUndefined();
  expect(again.link).not.toBe(met.link);
  met.link.close();
  again.link.close();
});

test('what was seen of a process that has the id of another is nothing', () => {
  const own = meetings();
  own.begin({controlSocket: SOCKET, pid: process.pid, start: '1'});
  const met = own.take(SOCKET)!;
  expect(met.containment).toBeUndefined();
  met.link.close();
});

test.each([
  '/tmp/other.sock',
  `${RUN_DIRECTORY}/control/../admin.sock`,
  `${RUN_DIRECTORY}/control/0123456789abcdef.sock/x`,
  `${RUN_DIRECTORY}/control/0123456789ABCDEF.sock`,
])('no socket but a control socket is connected to: %s', (controlSocket) => {
  const own = meetings();
  own.begin({controlSocket, pid: process.pid, start: '1'});
  expect(own.take(controlSocket)).toBeUndefined();
});

test('a dropped one is ended', async () => {
  const own = meetings();
  own.begin({controlSocket: SOCKET});
  own.drop(SOCKET);
  own.drop(SOCKET);
  own.drop(undefined);
  const fresh = own.take(SOCKET)!;
  expect(fresh.containment).toBeUndefined();
  fresh.link.close();
});

test('that other processes can’t be looked at is no failure of a mount', async () => {
  const own = meetings(() => {
    throw new Error('no /proc');
  });
  own.expect();
  await new Promise((resolve) => setTimeout(resolve, 5));
  own.begin({controlSocket: SOCKET, ...processNamed(process.pid)!});
  const met = own.take(SOCKET)!;
  expect(met.containment).toBeUndefined();
  met.link.close();
});
