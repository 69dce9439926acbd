import {readSync} from 'node:fs';
import {MessageChannel} from 'node:worker_threads';
import {OPCODE, runBlocking} from '../fuse/index.js';
import {inHeader, outHeader} from '../fuse/structs/header.js';
import {initIn} from '../fuse/structs/init.js';
import {getattrIn, readIn, statxIn} from '../fuse/structs/requests.js';
import {createMemfd} from '../sys/memfd.js';
import {sendPacket, seqpacketPair, waitReadable} from '../sys/socket.js';
import {viewOf} from '../wire/index.js';
import {chooseDriver} from './drivers.js';
import {rehearsalVolume, VOLUME} from './rehearsal-volume.js';
import {servingSession} from './serving-session.js';
import {COUNTERS_SIZE, SharedCounters} from './shared-counters.js';
import {sourceOf} from './source-of.js';

/** How often each request is made: enough for V8 to note what comes by. */
const TIMES = 8;
const CACHE_BYTES = 65_536;
const READ_BYTES = 4_096;
/** FUSE 7.45, from a kernel that can do everything but what is in the second word. */
const KERNEL = {major: 7, minor: 45, maxReadahead: 131_072, flags: 0xffff_ffff};

function request(opcode: keyof typeof OPCODE, nodeid: number, body: Uint8Array, unique: number): Uint8Array {
  const len = inHeader.size + body.length;
  return Buffer.concat([inHeader.encode({len, opcode: OPCODE[opcode], uniqueLow: unique, nodeid}), body]);
}

/** What a kernel asks of a new mount, and of somebody who lists and reads. */
function* requests(): Generator<Uint8Array> {
  let unique = 2;
  yield request('INIT', 0, initIn.encode(KERNEL), unique);
  const {root, file} = VOLUME;
  for (let time = 0; time < TIMES; time++) {
    for (const [opcode, node, body] of [
      ['STATX', root, statxIn.encode({sxMask: 0x7ff})],
      ['GETATTR', root, getattrIn.encode({})],
      ['READDIRPLUS', root, readIn.encode({size: READ_BYTES})],
      ['LOOKUP', root, Buffer.from('file\0')],
      ['READ', file, readIn.encode({size: READ_BYTES})],
    ] as const) {
      unique += 2;
      yield request(opcode, node, body, unique);
    }
  }
}

/** How many of the replies that lie in a socket tell of an error. */
function failuresIn(fd: number): number {
  const reply = Buffer.alloc(outHeader.size + 2 * READ_BYTES);
  let failed = 0;
  while (waitReadable(fd, 0)) {
    readSync(fd, reply);
    if (outHeader.read(viewOf(reply), 0).error !== 0) failed++;
  }
  return failed;
}

/**
 * Serves a little volume of our own over a socket in place of the device, so that the code for that has run. Nothing of it stays but what V8
 * has learned. All requests lie in the socket before the first is read, and all replies when the last was written: they are few.
 * @returns how many of the requests failed
 */
export function rehearseServing(type: string): number {
  using volume = createMemfd('fuseward-rehearsal', rehearsalVolume());
  const counters = new SharedCounters(new ArrayBuffer(COUNTERS_SIZE));
  const source = sourceOf(volume.fd);
  const {driver} = chooseDriver(type, source);
  driver.blockSize(source);
  const fs = driver.open(source, {
    ...{members: new Map(), options: new Map(), cacheBytes: CACHE_BYTES},
    ...{cacheCounters: counters.caches, log: () => {}},
  });
  const [kernel, device] = seqpacketPair();
  using ours = kernel;
  using theirs = device;
  const {port1, port2} = new MessageChannel();
  const session = servingSession(fs, {
    ...{counters, ring: false, withheld: new Set()},
    orders: {sent: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT), port: port2},
    place: {fuseFd: theirs.fd, devices: []},
  });
  for (const packet of requests()) sendPacket(ours.fd, packet);
  // Reads as the end.
  sendPacket(ours.fd, new Uint8Array(0));
  runBlocking(theirs.fd, session);
  port1.close();
  return failuresIn(ours.fd);
}
