import type {OwnedFd} from '../sys/fd.js';
import {sendPacket, seqpacketPair} from '../sys/socket.js';
import * as commands from './commands.js';
import {openFile, openFileExtended} from './file.js';
import {helloReply} from './hello.js';
import {CONTROL_FILE, LISTEN_FILE, PROTOCOL_VERSION, QUEUES_FILE} from './magic.js';

const OPEN = {openFlags: 0, createMode: 0, quiet: true, tryLoop: false, blockSize: 0};

/** A conversation whose other end is nobody. */
export interface ScriptedServer {
  /** The helper's end, its caller's to close. */
  readonly socket: OwnedFd;
  /** The other end, to be closed after that. */
  readonly end: OwnedFd;
}

/**
 * What a server of ours says in a conversation, all of it: it lies in the socket before the hello. For a helper that goes through its end for nothing,
 * so that its code has run. @throws Errno
 */
export function scriptedServer({source, target}: {source: string; target: string}): ScriptedServer {
  const [socket, end] = seqpacketPair();
  const openSource = {...OPEN, tryLoop: true, path: source};
  for (const packet of [
    helloReply.encode({version: PROTOCOL_VERSION}),
    openFile.encode({...OPEN, path: CONTROL_FILE}),
    openFileExtended.encode({...OPEN, path: LISTEN_FILE}),
    openFileExtended.encode({...OPEN, path: QUEUES_FILE}),
    openFileExtended.encode(openSource),
    openFileExtended.encode({...openSource, blockSize: 4096}),
    commands.fsopen.encode({fuseblk: false}),
    commands.source.encode({value: source}),
    commands.mountPoint.encode({path: target, expected: 'directory'}),
    commands.mountOptions.encode({value: 'default_permissions,allow_other'}),
    commands.mountNow.encode({flags: 0}),
    commands.goodbye.encode({exitCode: 0}),
  ]) {
    sendPacket(end.fd, packet);
  }
  return {socket, end};
}
