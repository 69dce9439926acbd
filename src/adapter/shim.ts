import {writeSync} from 'node:fs';
import {resolve} from 'node:path';
import {errnoOf, errnoText} from '../sys/errno.js';
import type {OwnedFd} from '../sys/fd.js';
import {connectSeqpacket, receivePacket, sendPacket} from '../sys/socket.js';
import {parseFusermount, UsageError} from './fusermount-arguments.js';
import {decodeAnswer, encodeQuestion, LARGEST_ANSWER} from './shim-packets.js';

/** The helper may take its time; whoever called waits as for the real one. */
const PATIENCE_MS = 60_000;
/** Where fusermount finds the socket on which its caller waits for the descriptor. */
const CALLERS_SOCKET = '_FUSE_COMMFD';

/** What is shown for `--version`; libraries may look at it. */
const VERSION = '3.14.0';

/**
 * fusermount as programs know it: the descriptor is sent over the socket that `_FUSE_COMMFD` names, messages go to standard error, and the
 * exit code is 0 or 1. Unmounting is done by the end of the program, so it always works.
 *
 * @param socket where the adapter listens
 * @param name what it was called by
 * @returns the exit code
 */
export function runShim(socket: string, name: string, args: readonly string[]): number {
  const say = (text: string): void => {
    writeSync(2, `${name}: ${text}\n`);
  };
  try {
    const request = parseFusermount(args);
    switch (request.do) {
      case 'mount':
        return mount(request, socket, say);
      case 'version':
        writeSync(1, `${name} version: ${VERSION}\n`);
        return 0;
      case 'help':
        writeSync(1, `${name}: [options] mountpoint\n -o opt[,opt...]  -u  -q  -z\n`);
        return 0;
      default:
        return 0;
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(error.message);
    return 1;
  }
}

function mount(
  {target, options}: {target: string; options: readonly string[]},
  socket: string,
  say: (text: string) => void,
): number {
  const caller = /^\d{1,9}$/.test(process.env[CALLERS_SOCKET] ?? '')
    ? Number(process.env[CALLERS_SOCKET])
    : undefined;
  if (caller === undefined) {
    say('old style mounting not supported');
    return 1;
  }
  let adapter: OwnedFd;
  try {
    adapter = connectSeqpacket(socket, {timeoutMs: PATIENCE_MS});
  } catch {
    // It is there until the mount works.
    say('mount failed: the program has its mount; a second one is not to be had');
    return 1;
  }
  try {
    sendPacket(adapter.fd, encodeQuestion({target: resolve(target), options}));
    const buffer = new Uint8Array(LARGEST_ANSWER);
    const {length, fds} = receivePacket(adapter.fd, buffer, {maxFds: 1, timeoutMs: PATIENCE_MS});
    const answer = decodeAnswer(buffer.subarray(0, length));
    const [device] = fds;
    for (const option of answer?.unsafe ?? []) say(`unsafe option ${option} ignored`);
    if (answer?.refused !== undefined || device === undefined) {
      say(`mount failed: ${answer?.refused ?? 'no answer'}`);
      return 1;
    }
    // One byte of whatever value, as the real one sends it.
    sendPacket(caller, new Uint8Array(1), [device.fd]);
    return 0;
  } catch (error) {
    say(`mount failed: ${errnoText(errnoOf(error))}`);
    return 1;
  }
}
