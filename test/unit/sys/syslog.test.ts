import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect, onTestFinished, test} from 'vitest';
import {receivePacket} from '../../../src/sys/socket.js';
import {logToSystem} from '../../../src/sys/syslog.js';
import {bindDatagram} from './datagram.js';
import {scratchDirectory} from './scratch.js';

test('a line arrives as syslog(3) writes it, and stays one line', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'log');
  const daemon = bindDatagram(path);
  onTestFinished(() => {
    daemon.close();
    rmSync(directory, {recursive: true});
  });
  logToSystem('warning', 'denied /srv/a\nJan  1 00:00:00 root: allowed\x1b[2J', path);
  const buffer = new Uint8Array(8192);
  const {length} = receivePacket(daemon.fd, buffer, {maxFds: 0, timeoutMs: 5_000});
  const text = Buffer.from(buffer.subarray(0, length)).toString();
  // LOG_AUTHPRIV is 10 << 3, LOG_WARNING 4.
  expect(text).toMatch(/^<84>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d fuseward\[\d+\]: denied \/srv\/a\?Jan /);
  expect(text).not.toMatch(/\p{C}/u);
});

test('without a log nothing happens', () => {
  expect(() => logToSystem('info', 'allowed', '/nonexistent/log')).not.toThrow();
});
