import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {runBlocking, Session} from '../../../src/fuse/index.js';
import type {OwnedFd} from '../../../src/sys/fd.js';
import {sendPacket, seqpacketPair} from '../../../src/sys/socket.js';
import {INIT_BODY, request} from './support.js';

const STATFS = request('STATFS');
let kernel: OwnedFd;
let device: OwnedFd;
let log: string[];

const ask = (...packets: Uint8Array[]): void => {
  for (const packet of packets) sendPacket(kernel.fd, packet);
};
/** Reads as the end of the connection. */
const end = (): void => ask(new Uint8Array(0));

/** Serves until the end. @param before what is done before each sleep, one after the other */
function serve(before: Array<() => void>): string {
  const left = [...before];
  const beforeWait = (): void => {
    log.push('before a sleep');
    left.shift()?.();
  };
  const fs = {statfs: () => void log.push('statfs')};
  return runBlocking(device.fd, new Session(fs, {}, {beforeWait}), {busyPollMs: 0});
}

describe('a thread that serves a connection', () => {
  beforeEach(() => {
    [kernel, device] = seqpacketPair();
    log = [];
    ask(request('INIT', INIT_BODY));
  });
  afterEach(() => {
    kernel.close();
    device.close();
  });

  test('looks for what else there is to do before each sleep, so that nothing waits for a request', () => {
    ask(STATFS, STATFS);
    expect(serve([() => ask(STATFS), end])).toBe('unmounted');
    expect(log).toEqual(['statfs', 'statfs', 'before a sleep', 'statfs', 'before a sleep']);
  });

  test('sees an end without a sleep', () => {
    ask(STATFS);
    end();
    expect(serve([])).toBe('unmounted');
    expect(log).toEqual(['statfs']);
  });
});
