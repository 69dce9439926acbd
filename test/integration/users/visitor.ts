/**
 * What a user can do to the manager's socket besides running fuseward: a program that does as its argument says, a JSON list of steps, and
 * prints what came of each. It runs as an ordinary user.
 */
import {execFileSync} from 'node:child_process';
import {renameSync, symlinkSync} from 'node:fs';
import {errnoOf} from '../../../src/sys/errno.js';
import {errnoCode} from '../../../src/sys/errno-codes.js';
import {type OwnedFd, openFd} from '../../../src/sys/fd.js';
import {addressOf, lastErrno, native, viewOf} from '../../../src/sys/libc.js';
import {createMemfd} from '../../../src/sys/memfd.js';
import {connectSeqpacket, listenSeqpacket, receivePacket, sendPacket} from '../../../src/sys/socket.js';

const SOCKET = '/run/fuseward/mount.sock';

export type Step =
  /** Opens a file under a name. */
  | ['open', name: string, path: string, flags: number]
  | ['memfd', name: string]
  | ['socket', name: string, path: string]
  | ['connect']
  /** So many connections that say nothing, held until the end. */
  | ['crowd', count: number]
  /** One packet, with descriptors. */
  | ['send', text: string, ...names: string[]]
  /** One packet of so many bytes. */
  | ['fill', bytes: number]
  /** One packet with a descriptor so many times, which sendmsg(2) takes up to 253. */
  | ['bomb', name: string, count: number]
  | ['receive']
  | ['rename', from: string, to: string]
  | ['symlink', target: string, path: string]
  | ['run', ...command: string[]]
  | ['sleep', ms: number];

const opened = new Map<string, OwnedFd>();
const crowd: OwnedFd[] = [];
let connection: OwnedFd | undefined;

function fdOf(name: string): number {
  return opened.get(name)!.fd;
}

const sendmsg = native<[fd: number, message: Uint8Array, flags: number]>('sendmsg', 'long', [
  'int',
  'void *',
  'int',
]);

function bomb(fd: number, passed: number, count: number): string {
  const bytes = Uint8Array.of(0);
  const iov = new Uint8Array(16);
  viewOf(iov).setBigUint64(0, addressOf(bytes), true);
  viewOf(iov).setBigUint64(8, 1n, true);
  const control = new Uint8Array(16 + 4 * count);
  viewOf(control).setBigUint64(0, BigInt(control.length), true);
  viewOf(control).setInt32(8, 1, true);
  viewOf(control).setInt32(12, 1, true);
  for (let index = 0; index < count; index++) viewOf(control).setInt32(16 + 4 * index, passed, true);
  const message = new Uint8Array(56);
  viewOf(message).setBigUint64(16, addressOf(iov), true);
  viewOf(message).setBigUint64(24, 1n, true);
  viewOf(message).setBigUint64(32, addressOf(control), true);
  viewOf(message).setBigUint64(40, BigInt(control.length), true);
  return sendmsg()(fd, message, 0x4000) === -1 ? errnoCode(lastErrno())! : 'sent';
}

function receive(): unknown {
  const buffer = new Uint8Array(1 << 17);
  const {length} = receivePacket(connection!.fd, buffer, {timeoutMs: 30_000});
  if (length === 0) return 'closed';
  return JSON.parse(new TextDecoder().decode(buffer.subarray(0, length)));
}

function perform(step: Step): unknown {
  switch (step[0]) {
    case 'open':
      opened.set(step[1], openFd(step[2], step[3]));
      return 'open';
    case 'memfd':
      opened.set(step[1], createMemfd('hidden', new Uint8Array(4096)));
      return 'open';
    case 'socket':
      opened.set(step[1], listenSeqpacket(step[2], 0o600));
      return 'open';
    case 'connect':
      connection?.close();
      connection = connectSeqpacket(SOCKET, {timeoutMs: 10_000});
      return 'connected';
    case 'crowd':
      for (let count = 0; count < step[1]; count++) crowd.push(connectSeqpacket(SOCKET, {timeoutMs: 2_000}));
      return 'connected';
    case 'send':
      sendPacket(connection!.fd, new TextEncoder().encode(step[1]), step.slice(2).map(fdOf), {
        timeoutMs: 5_000,
      });
      return 'sent';
    case 'fill':
      sendPacket(connection!.fd, new Uint8Array(step[1]).fill(0x20), [], {timeoutMs: 5_000});
      return 'sent';
    case 'bomb':
      return bomb(connection!.fd, fdOf(step[1]), step[2]);
    case 'receive':
      return receive();
    case 'rename':
      renameSync(step[1], step[2]);
      return 'renamed';
    case 'symlink':
      symlinkSync(step[1], step[2]);
      return 'linked';
    case 'run':
      return execFileSync(step[1]!, step.slice(2), {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']});
    case 'sleep':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, step[1]);
      return 'slept';
  }
}

const results = (JSON.parse(process.argv[2]!) as Step[]).map((step) => {
  try {
    return perform(step);
  } catch (error) {
    return errnoCode(errnoOf(error)) ?? String(error);
  }
});
process.stdout.write(JSON.stringify(results));
