import {type FileSystem, Session, type SessionOptions} from '../../../../src/fuse/index.js';
import {type BackingDevice, type IomapDriver, IomapServer} from '../../../../src/iomap/index.js';
import type {DirectServer} from '../link.js';
import {controlOf, DirectCalls} from './control.js';

/** A server under test in the thread of the simulated kernel: the product's session and iomap server, without a transport. */
export interface SessionServer {
  /** For `DirectLink`. */
  readonly serve: DirectServer;
  readonly iomap: IomapServer;
  /** What was reported: defects of the driver, of the session, and complaints about the kernel. */
  readonly problems: string[];
}

export function sessionServer(
  fs: FileSystem & IomapDriver,
  devices: readonly BackingDevice[],
  {version = 'v7', ...options}: SessionOptions & {version?: 'v6' | 'v7'} = {},
): SessionServer {
  const calls = new DirectCalls();
  const problems: string[] = [];
  const iomap = new IomapServer(
    fs,
    {devices, control: controlOf(calls, version), send: (message, length) => calls.write(message, length)},
    {onProblem: (error, what) => problems.push(`${what}: ${error}`)},
  );
  const session = new Session(
    fs,
    iomap.sessionOptions({maxConcurrent: 1, ...options, init: {maxWrite: 65_536, ...options.init}}),
    {onError: (error, {name, nodeid}) => problems.push(`${name} of ${nodeid}: ${error}`)},
  );
  return {
    iomap,
    problems,
    serve: (request, end) => {
      calls.kernel = end;
      const slot = session.acquire();
      if (slot === undefined) throw new Error('the session has no slot');
      slot.request.set(request);
      session.handle(slot, request.length, (reply, length) => end.reply(reply.slice(0, length)), false);
    },
  };
}
