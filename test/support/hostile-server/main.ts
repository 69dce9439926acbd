/**
 * A server that breaks the protocol as its script says, with none of the code of a server. Run with the connected socket as fd 3 and the
 * script as its argument; it prints a line of JSON for each packet that it took.
 */
import {fstatSync, readlinkSync, writeSync} from 'node:fs';
import {receivePacket, sendPacket, writeStream} from '../../../src/sys/socket.js';
import type {Act, HostileScript, Took} from './acts.js';
import {serveLies} from './fuse-lies.js';

const SOCKET = 3;
/** How long it waits for an answer. */
const PATIENCE_MS = 30_000;

let fuse = -1;
let last = -1;

function take(): void {
  const buffer = new Uint8Array(70_000);
  const {length, fds} = receivePacket(SOCKET, buffer, {maxFds: 1, timeoutMs: PATIENCE_MS});
  const got = Buffer.from(buffer.subarray(0, length));
  const fd = fds[0]?.release();
  let took: Took = {got: got.toString('hex')};
  if (fd !== undefined) {
    last = fd;
    if (got.includes('fusedev\0')) fuse = fd;
    const {dev, ino} = fstatSync(fd);
    took = {...took, inode: `${dev}:${ino}`, path: readlinkSync(`/proc/self/fd/${fd}`)};
  }
  writeSync(1, `${JSON.stringify(took)}\n`);
}

function wait(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function act(each: Act): void {
  if ('take' in each) take();
  else if ('send' in each) {
    sendPacket(SOCKET, Buffer.from(each.send, 'hex'), Array(each.descriptors ?? 0).fill(0));
    if (each.answer !== false) take();
  } else if ('flood' in each) {
    const packet = Buffer.from(each.flood, 'hex');
    const buffer = new Uint8Array(70_000);
    for (let sent = 0; sent < each.times; sent++) {
      sendPacket(SOCKET, packet);
      if (each.taking === true) receivePacket(SOCKET, buffer, {timeoutMs: PATIENCE_MS});
    }
  } else if ('tell' in each) {
    const bytes = Buffer.from(each.tell, 'hex');
    for (let sent = 0; sent < (each.times ?? 1); sent++) writeStream(last, bytes, 0);
  } else if ('waitMs' in each) wait(each.waitMs);
  else if ('serve' in each) serveLies(fuse, each.serve);
  else process.kill(process.pid, 'SIGKILL');
}

const {acts} = JSON.parse(process.argv[2] ?? '') as HostileScript;
for (const each of acts) {
  try {
    act(each);
  } catch (error) {
    // A stream that is full is as much as goes; the other end that is gone is the end of it all.
    const {code} = error as {code?: string};
    writeSync(1, `${JSON.stringify({got: String(code ?? error)})}\n`);
    if (code !== 'ETIMEDOUT') break;
  }
}
