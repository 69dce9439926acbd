import {expect, test} from 'vitest';
import {RUN_DIRECTORY} from '../../../src/launch/lock.js';
import type {ProcessUsers} from '../../../src/launch/process-users.js';
import {Aged} from '../../../src/manager/aged.js';
import {processNamed} from '../../../src/manager/process-name.js';
import {ServerMeetings} from '../../../src/manager/server-meetings.js';
import {O_RDONLY, openFd} from '../../../src/sys/fd.js';

const SOCKET = `${RUN_DIRECTORY}/control/0123456789abcdef.sock`;
const isRoot = process.geteuid?.() === 0;

function meetings(make: () => ProcessUsers = () => new Map()): ServerMeetings {
  return new ServerMeetings(new Aged(make, () => performance.now()));
}

test('one that was met early is had once, and as it was seen', ({skip}) => {
  if (!isRoot) skip('needs root');
  const own = meetings();
  own.hear({controlSocket: SOCKET, ...processNamed(process.pid)!});
  const met = own.take(SOCKET)!;
  expect(met.containment).toMatchObject({pid: process.pid, uid: 0});
  const again = own.take(SOCKET)!;
  expect(again.containment).toBeUndefined();
  expect(again.link).not.toBe(met.link);
  met.link.close();
  again.link.close();
});

test('what was seen before it served is had with the descriptors that it has when it serves', ({skip}) => {
  if (!isRoot) skip('needs root');
  let looks = 0;
  const own = meetings(() => {
    looks++;
    return new Map();
  });
  const server = processNamed(process.pid)!;
  own.hear(server);
  using file = openFd('/dev/full', O_RDONLY);
  own.hear({controlSocket: SOCKET, ...server});
  const met = own.take(SOCKET)!;
  expect(met.containment).toMatchObject({pid: process.pid, descriptors: {'/dev/full': 1}});
  expect(file.closed).toBe(false);
  expect(looks).toBe(1);
  met.link.close();
});

test('a look at a process that has the id of another by now is made anew', ({skip}) => {
  if (!isRoot) skip('needs root');
  const own = meetings();
  const server = processNamed(process.pid)!;
  own.hear(server);
  own.hear({controlSocket: SOCKET, pid: server.pid, start: '1'});
  const met = own.take(SOCKET)!;
  expect(met.containment).toBeUndefined();
  met.link.close();
});

test('what was seen of a process that has the id of another is nothing', () => {
  const own = meetings();
  own.hear({controlSocket: SOCKET, pid: process.pid, start: '1'});
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
  own.hear({controlSocket, pid: process.pid, start: '1'});
  expect(own.take(controlSocket)).toBeUndefined();
});

test('a dropped one is ended', () => {
  const own = meetings();
  own.hear({controlSocket: SOCKET});
  own.drop({controlSocket: SOCKET});
  own.drop({controlSocket: SOCKET});
  own.drop({});
  const fresh = own.take(SOCKET)!;
  expect(fresh.containment).toBeUndefined();
  fresh.link.close();
});

test('that other processes can’t be looked at is no failure of a mount', () => {
  const own = meetings(() => {
    throw new Error('no /proc');
  });
  own.hear({controlSocket: SOCKET, ...processNamed(process.pid)!});
  const met = own.take(SOCKET)!;
  expect(met.containment).toBeUndefined();
  met.link.close();
});
