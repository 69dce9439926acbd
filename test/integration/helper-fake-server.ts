/**
 * A contained server reduced to the protocol: it opens its image, has itself mounted and answers just enough FUSE
 * for a stat of the root. What it does wrong is told by its script. Run as a process of its own with the socket as fd 3.
 */
import {writeSync} from 'node:fs';
import {encodeFrame} from '../../src/control/frame.js';
import {ServerConversation} from '../../src/service/server-conversation.js';
import {openFd} from '../../src/sys/fd.js';
import {writeStream} from '../../src/sys/socket.js';
import {serveTinyFuse} from './tiny-fuse.js';

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

const {delayInitMs = 0} = script;
process.exit(serveTinyFuse(fuse.fd, {isFile: script.expected === 'file', delayInitMs}));
