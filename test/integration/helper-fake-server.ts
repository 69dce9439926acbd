/**
 * A contained server reduced to the protocol: it opens its image, has itself mounted and answers just enough FUSE
 * for a stat of the root. What it does wrong is told by its script. Run as a process of its own with the socket as fd 3.
 */
import {readSync, writeSync} from 'node:fs';
import {encodeFrame} from '../../src/control/frame.js';
import {ServerConversation} from '../../src/service/server-conversation.js';
import {openFd} from '../../src/sys/fd.js';
import {writeStream} from '../../src/sys/socket.js';

/** What the server is to do; everything is optional. */
export interface FakeScript {
  /** Where it dies of SIGKILL. */
  dieAt?: 'hello' | 'arguments' | 'open' | 'before-mount' | 'after-mount' | 'after-goodbye';
  /** Where it stops and waits for ever. */
  hangAt?: 'hello' | 'before-mount' | 'after-goodbye';
  /** Gives up after opening, with this exit code. */
  exitCode?: number;
  /** Says goodbye with this code after the mount, and goes on serving. */
  lateExitCode?: number;
  /** What it says of its failure. */
  failure?: {errno: string; code: string; message: string};
  detected?: {type: string; blockSize?: number};
  /** Opened besides the source; its errno is printed. */
  alsoOpen?: string;
  openFlags?: number;
  tryLoop?: boolean;
  blockSize?: number;
  retryBusyMs?: number;
  options?: string;
  msFlags?: number;
  sourceName?: string;
  mountPoint?: string;
  expected?: 'any' | 'directory' | 'file';
  /** No TYPE: the helper then uses mount(2). */
  withoutType?: boolean;
  fuseblk?: boolean;
  iomap?: 'optional' | 'mandatory';
  /** Leave the extension alone, like a server of libfuse. */
  plain?: boolean;
  /** How long FUSE_INIT waits for its answer. */
  delayInitMs?: number;
  /** Wait for this file to appear just before the mount. */
  waitFor?: string;
}

const script = JSON.parse(process.argv[2] ?? '{}') as FakeScript;

function point(where: NonNullable<FakeScript['dieAt']> | NonNullable<FakeScript['hangAt']>): void {
  if (script.dieAt === where) process.kill(process.pid, 'SIGKILL');
  if (script.hangAt === where) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600_000);
}

function report(values: Record<string, unknown>): void {
  writeSync(1, `${JSON.stringify(values)}\n`);
}

function errorOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as {code?: string}).code ?? String(error);
  }
}

const conversation = ServerConversation.accept(3);
point('hello');
const hello = conversation.hello();
point('arguments');
const args = conversation.receiveArguments();
const fuse = conversation.receiveFuseDevice();
const control = script.plain === true ? undefined : conversation.probeExtension();
report({hello, args, extended: conversation.extended});
const [, source = '', target = ''] = args;

function fail(exitCode: number): never {
  if (control !== undefined && script.failure !== undefined) {
    writeStream(control.fd, encodeFrame({event: 'failed', ...script.failure}));
  }
  conversation.goodbye(exitCode);
  process.exit(exitCode);
}

if (script.alsoOpen !== undefined) {
  const path = script.alsoOpen;
  report({alsoOpen: errorOf(() => conversation.openFile(path, {flags: 0}).close()) ?? 'opened'});
}
try {
  const image = conversation.openFile(source, {
    flags: script.openFlags ?? 0,
    tryLoop: script.tryLoop ?? true,
    blockSize: script.blockSize ?? 0,
    retryBusyMs: script.retryBusyMs ?? 0,
  });
  report({image: image.fd});
} catch (error) {
  report({open: (error as {code?: string}).code});
  fail(1);
}
point('open');
if (script.iomap !== undefined) {
  const mode = script.iomap;
  report({iomap: errorOf(() => conversation.iomap(mode)) ?? 'ok'});
}
if (script.exitCode !== undefined) fail(script.exitCode);
if (control !== undefined && script.detected !== undefined) {
  writeStream(control.fd, encodeFrame({event: 'detected', ...script.detected}));
}
try {
  if (script.withoutType !== true) conversation.fsopen(script.fuseblk ?? false);
  conversation.source(script.sourceName ?? source);
  conversation.mountPoint(script.mountPoint ?? target, script.expected ?? 'any');
  conversation.options(script.options ?? '');
  point('before-mount');
  while (
    script.waitFor !== undefined &&
    errorOf(() => openFd(script.waitFor ?? '', 0).close()) !== undefined
  ) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
  conversation.mount(script.msFlags ?? 0);
} catch (error) {
  report({refused: String(error)});
  fail(1);
}
point('after-mount');
conversation.goodbye(script.lateExitCode ?? 0);
point('after-goodbye');

// Fields by their offsets in linux/fuse.h: struct fuse_in_header is 40 bytes, struct fuse_out_header 16.
const request = Buffer.alloc(1 << 20);
function answer(unique: bigint, error: number, body: Buffer = Buffer.alloc(0)): void {
  const reply = Buffer.alloc(16 + body.length);
  reply.writeUInt32LE(reply.length, 0);
  reply.writeInt32LE(-error, 4);
  reply.writeBigUInt64LE(unique, 8);
  body.copy(reply, 16);
  writeSync(fuse.fd, reply);
}
function init(): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(31, 4);
  body.writeUInt32LE(65536, 8); // max_readahead
  body.writeUInt32LE(65536, 20); // max_write
  return body;
}
function rootAttributes(): Buffer {
  const body = Buffer.alloc(104);
  body.writeBigUInt64LE(1n, 16); // ino
  body.writeUInt32LE(script.expected === 'file' ? 0o100644 : 0o040755, 16 + 60); // mode
  body.writeUInt32LE(2, 16 + 64); // nlink
  return body;
}
for (;;) {
  try {
    readSync(fuse.fd, request, 0, request.length, null);
  } catch (error) {
    const {code} = error as {code?: string};
    if (code === 'EINTR' || code === 'ENOENT' || code === 'EAGAIN') continue;
    process.exit(code === 'ENODEV' ? 0 : 1);
  }
  const opcode = request.readUInt32LE(4);
  const unique = request.readBigUInt64LE(8);
  if (opcode === 26) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, script.delayInitMs ?? 0);
    try {
      answer(unique, 0, init());
    } catch {
      // Nobody waits for it any more; the next read tells why.
    }
  }
  if (opcode === 3) answer(unique, 0, rootAttributes());
  else if (opcode === 38) answer(unique, 0);
  else if (opcode !== 2 && opcode !== 26 && opcode !== 42) answer(unique, 38);
}
