/**
 * The server's end of the protocol without any of its code: it sends the packets of its script as they are and tells what came back. Run
 * with the connected socket as fd 3 and the path of its script; what it has to tell goes to standard output, a line of JSON for each packet.
 */
import {openSync, readFileSync, readlinkSync, readSync, writeSync} from 'node:fs';
import {flockFd, OwnedFd} from '../../src/sys/fd.js';
import {receivePacket, sendPacket} from '../../src/sys/socket.js';
import {serveTinyFuse} from './tiny-fuse.js';

/** What it does, in order. */
export type Step =
  /** Sends these bytes, and takes one packet where `answer` is not false. */
  | {readonly send: string; readonly answer?: boolean; readonly withDescriptor?: boolean}
  /** Takes the lock on a file, or lets go of it. */
  | {readonly lock: string}
  | {readonly unlock: true};

export interface PeerScript {
  readonly steps: readonly Step[];
  /** Serves what was mounted in the end; else it just goes away. */
  readonly serve?: 'directory' | 'file';
}

/** What it tells. Bytes are hexadecimal. */
export interface Told {
  readonly got: string;
  /** Where the descriptor that came with it leads. */
  readonly descriptor?: string;
  /** What is in that file, if it is the argument file. */
  readonly content?: string;
}

const script = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as PeerScript;
let fuse: number | undefined;
let lock: number | undefined;

function take(): void {
  const buffer = new Uint8Array(70_000);
  const {length, fds} = receivePacket(3, buffer, {maxFds: 1, timeoutMs: 20_000});
  const got = Buffer.from(buffer.subarray(0, length));
  const told: {-readonly [K in keyof Told]: Told[K]} = {got: got.toString('hex')};
  const fd = fds[0]?.release();
  if (fd !== undefined) {
    told.descriptor = readlinkSync(`/proc/self/fd/${fd}`);
    if (got.includes('argv\0')) {
      const content = Buffer.alloc(65_536);
      told.content = content.subarray(0, readSync(fd, content, 0, content.length, 0)).toString('hex');
    }
    if (got.includes('fusedev\0')) fuse = fd;
  }
  writeSync(1, `${JSON.stringify(told)}\n`);
}

take();
sendPacket(3, Buffer.from('4c41535400010000', 'hex'));
take();
take();
for (const step of script.steps) {
  if ('lock' in step) {
    lock = openSync(step.lock, 'r');
    flockFd(lock, {exclusive: true, nonBlocking: true});
  } else if ('unlock' in step) new OwnedFd(lock!).close();
  else {
    try {
      sendPacket(3, Buffer.from(step.send, 'hex'), step.withDescriptor === true ? [0] : []);
    } catch (error) {
      writeSync(1, `${JSON.stringify({got: String((error as {code?: string}).code)})}\n`);
      break;
    }
    if (step.answer !== false) take();
  }
}
if (script.serve !== undefined) process.exit(serveTinyFuse(fuse!, {isFile: script.serve === 'file'}));
