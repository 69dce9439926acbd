import {readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, onTestFinished, test} from 'vitest';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {createMemfd} from '../../../src/sys/memfd.js';
import {Notifier, takeWatchdog} from '../../../src/sys/notify.js';
import {receivePacket} from '../../../src/sys/socket.js';
import {bindDatagram} from './datagram.js';
import {scratchDirectory} from './scratch.js';

function next(manager: OwnedFd): {text: string; fds: OwnedFd[]} {
  const buffer = new Uint8Array(4096);
  const {length, fds} = receivePacket(manager.fd, buffer, {maxFds: 2, timeoutMs: 5_000});
  return {text: Buffer.from(buffer.subarray(0, length)).toString(), fds};
}

/** A service manager at an address, and who notifies it. */
function pair(address: string): {manager: OwnedFd; notifier: Notifier; env: NodeJS.ProcessEnv} {
  const manager = bindDatagram(address);
  const env: NodeJS.ProcessEnv = {NOTIFY_SOCKET: address, OTHER: 'stays'};
  const notifier = Notifier.take(env)!;
  onTestFinished(() => {
    notifier.close();
    manager.close();
  });
  return {manager, notifier, env};
}

function scratchPath(): string {
  const directory = scratchDirectory();
  onTestFinished(() => rmSync(directory, {recursive: true}));
  return join(directory, 'notify');
}

describe.each([
  ['a path', scratchPath],
  ['an abstract name', () => `@fuseward-test/${process.pid}`],
])('a service manager at %s', (_, address) => {
  test('is told', () => {
    const {manager, notifier, env} = pair(address());
    expect(env).toEqual({OTHER: 'stays'});
    notifier.ready('two\nSTOPPING=1');
    expect(next(manager).text).toBe('READY=1\nSTATUS=two STOPPING=1');
    notifier.alive();
    expect(next(manager).text).toBe('WATCHDOG=1');
    notifier.stopping();
    expect(next(manager).text).toBe('STOPPING=1');
  });
});

test('a reload is told with the time of the clock that systemd reads', () => {
  const {manager, notifier} = pair(scratchPath());

  const before = process.hrtime.bigint() / 1000n;
  notifier.reloading();
  const [, time] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(next(manager).text)!;
  expect(BigInt(time!)).toBeGreaterThanOrEqual(before);
  expect(Number(time) / 1e6).toBeLessThan(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) + 1);
});

test('a descriptor is stored', () => {
  const {manager, notifier} = pair(scratchPath());
  using file = createMemfd('stored', Buffer.from('content'));
  notifier.store('stored-file', file.fd);
  const {text, fds} = next(manager);
  expect(text).toBe('FDSTORE=1\nFDNAME=stored-file');
  expect(fds).toHaveLength(1);
  expect(readFileSync(fds[0]!.fd, 'utf8')).toBe('content');
  fds[0]!.close();
});

test('nobody there, and nobody any more, is no error', () => {
  expect(Notifier.take({})).toBeUndefined();
  expect(Notifier.take({NOTIFY_SOCKET: '/nowhere/notify'})).toBeUndefined();
  const {manager, notifier} = pair(scratchPath());
  manager.close();
  notifier.alive();
});

test('an address of another kind is refused', () => {
  expect(() => Notifier.take({NOTIFY_SOCKET: 'vsock:2:1234'})).toThrow(/neither a path nor an abstract name/);
});

test.each<[what: string, env: NodeJS.ProcessEnv, ms: number | undefined]>([
  ['for this process', {WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7'}, 30_000],
  ['for whoever reads it', {WATCHDOG_USEC: '1500'}, 1.5],
  ['for another process', {WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8'}, undefined],
  ['of no time', {WATCHDOG_USEC: '0', WATCHDOG_PID: '7'}, undefined],
  ['that is no number', {WATCHDOG_USEC: '1e6', WATCHDOG_PID: '7'}, undefined],
  ['not at all', {}, undefined],
])('a sign of life is expected %s', (_, env, ms) => {
  expect(takeWatchdog(env, 7)).toBe(ms);
  expect(env).toEqual({});
});
