import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {writeSync} from 'node:fs';
import {expect, test} from 'vitest';
import {EmbeddedServer} from '../../../src/launch/embedded-server.js';
import {createMemfd} from '../../../src/sys/memfd.js';
import {seqpacketPair} from '../../../src/sys/socket.js';

/** A server by the ids of other processes, as they are when its own have ended and were given away again. */
function serverNamed(pid: number, uid: number): EmbeddedServer {
  const [ours, theirs] = seqpacketPair();
  theirs.close();
  const info = createMemfd('info');
  writeSync(info.fd, JSON.stringify({'child-pid': pid}));
  return new EmbeddedServer({socket: ours, uid, monitor: pid, whose: 'own'}, {log: createMemfd('log'), info});
}

test('a process that runs under another user id is not the server, and is let live', async () => {
  const stranger = spawn('sleep', ['60'], {stdio: 'ignore'});
  const server = serverNamed(stranger.pid!, process.getuid!() + 1);
  expect(server.exited()).toBe(true);
  server.kill();
  stranger.kill('SIGTERM');
  expect(await once(stranger, 'exit')).toEqual([null, 'SIGTERM']);
});

test('its own process is the server, and is killed', async () => {
  const own = spawn('sleep', ['60'], {stdio: 'ignore'});
  const server = serverNamed(own.pid!, process.getuid!());
  expect(server.exited()).toBe(false);
  server.kill();
  // Whoever looks at it first takes notice of its end: this one, or Node, which then tells of it.
  await expect.poll(() => server.exited()).toBe(true);
  own.unref();
});
