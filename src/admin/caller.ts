import type {Socket} from 'node:net';
import {peerCredentials} from '../sys/socket.js';

/** Who is at the other end, for the log: the kernel's word on a unix socket, an address on TCP. */
export type Caller = {readonly uid: number; readonly pid: number} | {readonly address: string};

/** Undefined when the other end is gone, or no socket was in between. */
export function callerOf(socket: Socket): Caller | undefined {
  if (socket.remoteAddress !== undefined) return {address: socket.remoteAddress};
  // Node has no public name for the descriptor of a socket; without it the log says less.
  const fd = (socket as {_handle?: {fd?: number} | null})._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  try {
    const {uid, pid} = peerCredentials(fd);
    return {uid, pid};
  } catch {
    return undefined;
  }
}
