import {createSocket} from 'node:dgram';
import {lookup} from 'node:dns/promises';
import {once} from 'node:events';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {hostname, networkInterfaces} from 'node:os';
import {afterEach, describe, expect, test} from 'vitest';
import {eventually} from '../../src/helper/cleanup.js';
import {processUsers} from '../../src/launch/process-users.js';
import {processState} from '../../src/sys/process.js';
import {cannotCompromise, makeCall} from '../support/compromise.js';
import {cannotGrant, NetworkSandbox, type Peer, peer} from '../support/network/sandbox.js';

const missing = cannotGrant();
const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
const hasIPv6 = addresses.some(({address}) => address === '::1');
const outer = addresses.find(({family, internal}) => family === 'IPv4' && !internal)?.address;
const own = await lookup(hostname(), {family: 4}).catch(() => undefined);

const undo: Array<() => unknown> = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

async function sandbox(...grants: string[]): Promise<NetworkSandbox> {
  const started = await NetworkSandbox.start(grants);
  undo.push(() => started.end());
  return started;
}

async function listening(...args: Parameters<typeof peer>): Promise<Peer> {
  const started = await peer(...args);
  undo.push(() => started.close());
  return started;
}

/** Processes that have an id as one of theirs. */
const runningAs = (uid: number): readonly number[] => processUsers().get(uid) ?? [];

/** Descriptors that a process has open. */
const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

const residentMiB = (pid: number): number => processState(pid).residentKiB / 1024;

describe.skipIf(missing !== undefined)(
  `a program with a network grant${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    test('reaches the granted address and port', async () => {
      const echo = await listening('127.0.0.1');
      const program = await sandbox(`127.0.0.1:${echo.port}`);
      expect(await program.does('echo', '127.0.0.1', echo.port)).toBe('hello');
    });

    test.skipIf(!hasIPv6)(
      `reaches a granted IPv6 address${hasIPv6 ? '' : ' (skipped: no IPv6)'}`,
      async () => {
        const echo = await listening('::1');
        const program = await sandbox(`[::1]:${echo.port}`);
        expect(await program.does('echo', '::1', echo.port)).toBe('hello');
        expect(await program.does('echo', '127.0.0.1', echo.port)).toBe('ConnectionRefusedError');
      },
    );

    test.skipIf(outer === undefined)(
      `reaches an address that is not a loopback one, by itself${outer ? '' : ' (skipped: this machine has none)'}`,
      async () => {
        const echo = await listening(outer!);
        const program = await sandbox(`${outer}:${echo.port}`);
        expect(await program.does('echo', outer, echo.port)).toBe('hello');
      },
    );

    test.skipIf(own === undefined)(
      `reaches a granted name, which is an address of its own inside${own ? '' : ' (skipped: this machine does not know its own name)'}`,
      async () => {
        const echo = await listening(own!.address);
        const program = await sandbox(`${hostname()}:${echo.port}`, `localhost:${echo.port}`);
        expect(await program.does('lookup', hostname())).toEqual(['127.77.0.1']);
        expect(await program.does('echo', hostname(), echo.port)).toBe('hello');
        expect(await program.does('echo', 'localhost', echo.port)).toBe('hello');
        expect(await program.does('lookup', 'example.org')).toBe('gaierror');
      },
    );

    test('reaches nothing else: other ports, addresses, families, datagrams, abstract sockets', async () => {
      const granted = await listening('127.0.0.1');
      const otherPort = await listening('127.0.0.1');
      const otherAddress = await listening('127.0.0.2', {port: granted.port});
      const wildcard = await listening('::', {port: 0});
      const abstract = createServer((socket) => socket.end());
      abstract.listen('\0fuseward-test-abstract');
      undo.push(() => abstract.close());
      const datagrams = createSocket('udp4').bind(granted.port, '127.0.0.1');
      await once(datagrams, 'listening');
      undo.push(() => datagrams.close());
      let datagramsHeard = 0;
      datagrams.on('message', () => datagramsHeard++);

      const program = await sandbox(`127.0.0.1:${granted.port}`);
      const refused = 'ConnectionRefusedError';
      expect(await program.does('echo', '127.0.0.1', otherPort.port)).toBe(refused);
      expect(await program.does('echo', '127.0.0.2', granted.port)).toBe(refused);
      expect(await program.does('echo', '::1', wildcard.port)).not.toBe('hello');
      for (const {address} of addresses.filter(({internal}) => !internal))
        expect(await program.does('echo', address, wildcard.port), address).not.toBe('hello');
      expect(await program.does('unix', 'fuseward-test-abstract')).toBe(refused);
      expect(await program.does('datagram', '127.0.0.1', granted.port)).toBe('TimeoutError');
      expect([otherPort.met, otherAddress.met, wildcard.met, datagramsHeard]).toEqual([0, 0, 0, 0]);
      expect(await program.does('echo', '127.0.0.1', granted.port)).toBe('hello');
    });

    test('is told when nobody is at the granted place, and the log has it', async () => {
      const gone = await peer('127.0.0.1');
      await gone.close();
      const program = await sandbox(`127.0.0.1:${gone.port}`);
      expect(await program.does('echo', '127.0.0.1', gone.port)).toBe('ConnectionResetError');
      expect(program.relay.readLog()).toContain(
        `"destination":"127.0.0.1:${gone.port}","reason":"ECONNREFUSED"`,
      );
    });

    test('has a thousand connections at once, and leaves none', async () => {
      const echo = await listening('127.0.0.1');
      const program = await sandbox(`127.0.0.1:${echo.port}`);
      const before = descriptorsOf(program.relay.pid!);
      expect(await program.does('many', '127.0.0.1', echo.port, 1000)).toBe(1000);
      expect(echo.met).toBe(1000);
      expect(await eventually(() => descriptorsOf(program.relay.pid!) <= before, 5000)).toBe(true);
      expect(await eventually(() => echo.open.size === 0, 5000)).toBe(true);
    });

    test('gets the answer that comes after it has said its last word', async () => {
      const counting = await listening('127.0.0.1', {
        behave: (socket) => {
          let bytes = 0;
          socket.on('data', (chunk) => {
            bytes += chunk.length;
          });
          socket.once('end', () => socket.end(Buffer.alloc(bytes * 2)));
        },
      });
      const program = await sandbox(`127.0.0.1:${counting.port}`);
      expect(await program.does('half_close', '127.0.0.1', counting.port, 3_000_000)).toBe(6_000_000);
    });

    test('is held back by a peer that never reads, at no cost in memory', async () => {
      const deaf = await listening('127.0.0.1', {behave: () => {}});
      const program = await sandbox(`127.0.0.1:${deaf.port}`);
      for (const socket of deaf.open) socket.pause();
      const before = residentMiB(program.relay.pid!);
      const taken = (await program.does('stuff', '127.0.0.1', deaf.port, 0.5)) as number;
      expect(taken).toBeLessThan(64 * 2 ** 20);
      expect(residentMiB(program.relay.pid!) - before).toBeLessThan(24);
      // Others are not held back with it.
      const echo = await listening('127.0.0.1');
      expect(await program.does('echo', '127.0.0.1', echo.port)).toBe('ConnectionRefusedError');
      expect([...deaf.open].length).toBe(1);
    });

    test('loses its network, and nothing more, when its relay is killed', async () => {
      const echo = await listening('127.0.0.1');
      const program = await sandbox(`127.0.0.1:${echo.port}`);
      expect(await program.does('hold', '127.0.0.1', echo.port)).toBe('held');
      program.relay.kill();
      // The end of a connection, or a reset: what matters is that it is told.
      expect(['', 'ConnectionResetError']).toContain(await program.does('ended'));
      expect(await program.does('echo', '127.0.0.1', echo.port)).toBe('ConnectionRefusedError');
      expect(await eventually(() => echo.open.size === 0, 5000)).toBe(true);
      expect(await eventually(() => runningAs(program.relay.uid).length === 0, 5000)).toBe(true);
    });

    test('takes its relay with it when it is killed, and the connections of both', async () => {
      const echo = await listening('127.0.0.1');
      const program = await sandbox(`127.0.0.1:${echo.port}`);
      expect(await program.does('hold', '127.0.0.1', echo.port)).toBe('held');
      const {uid} = program.relay;
      expect(runningAs(uid)).not.toEqual([]);
      await program.end();
      expect(await eventually(() => runningAs(uid).length === 0, 5000)).toBe(true);
      expect(await eventually(() => echo.open.size === 0, 5000)).toBe(true);
    });

    test('has a relay that is contained as a server is, but for the network', async () => {
      const program = await sandbox('127.0.0.1:9');
      const pid = program.relay.pid!;
      const state = processState(pid);
      expect(state.uids).toEqual([
        program.relay.uid,
        program.relay.uid,
        program.relay.uid,
        program.relay.uid,
      ]);
      expect(program.relay.uid).not.toBe(program.uid);
      const {permitted, effective, bounding} = state.capabilities;
      expect([permitted, effective, bounding]).toEqual([0n, 0n, 0n]);
      expect([state.noNewPrivs, state.seccomp]).toEqual([true, 2]);
      const mounts = readFileSync(`/proc/${pid}/mounts`, 'latin1')
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '');
      expect(mounts.filter((path) => /^\/(etc|home|root|run|tmp|dev|sys|proc)/.test(path))).toEqual([]);
      expect(existsSync(`/proc/${pid}/root/etc`)).toBe(false);
    });

    test.skipIf(cannotCompromise() !== undefined)(
      `has a relay that ends when it is made to do something else${cannotCompromise() ? ` (skipped: ${cannotCompromise()})` : ''}`,
      async () => {
        const program = await sandbox('127.0.0.1:9');
        const pid = program.relay.pid!;
        const isAsleep = () => readFileSync(`/proc/${pid}/syscall`, 'latin1').startsWith('281 ');
        expect(await eventually(isAsleep, 5000)).toBe(true);
        // UDP: no name was granted, so there is nothing to ask.
        makeCall(pid, 'socket', [2, 2, 0]);
        expect(await eventually(() => program.relay.exited(), 5000)).toBe(true);
        expect(program.relay.readLog()).toContain('"systemCall":"socket"');
        expect(await program.does('echo', '127.0.0.1', 9)).toBe('ConnectionRefusedError');
      },
    );
  },
);
